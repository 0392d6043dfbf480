import { afterEach, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { inquiryOf } from '../../../functions/platform/inquiry.ts';
import { Unavailable } from '../../../functions/revocation/errors.ts';
import { path } from '../../../functions/revocation/exchange.ts';
import { closed, listen } from '../../../lib/local/emulators.ts';
import { type Arrival, vendorServer } from '../../../lib/local/vendors/vendor.ts';

const arrivals: Arrival[] = [];
const server = vendorServer({ arrivals, troubles: [] }, ({ target }) => ({ status: 418, body: { target } }));
afterEach(() => closed(server));

const request = { method: 'GET', path: path`/alerts/${'7'}` } as const;

test('a source asks its interface by name, and is told whatever came back; past its time nothing leaves', async () => {
  const origin = await listen(server);
  const clock = { now: () => 1_000 };
  const way = { send: createSend(clock), ...clock };
  const inquiry = inquiryOf({ id: 'acme', config: { token: 't' }, deadline: 6_000 }, way);
  expect([inquiry.config, inquiry.now]).toEqual([{ token: 't' }, 1_000]);
  expect(await inquiry.ask(origin, request)).toMatchObject({ status: 418, json: { target: '/alerts/7' } });
  // GitHub refuses who does not say their name: https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api
  expect(arrivals[0]?.headers['user-agent']).toBe('leakstop');
  const late = inquiryOf({ id: 'acme', config: {}, deadline: 1_000 }, way);
  await expect(late.ask(origin, request)).rejects.toThrow(Unavailable);
  expect(arrivals).toHaveLength(1);
});
