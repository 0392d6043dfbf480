import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { createSend } from '../../../functions/platform/http.ts';
import { signingIn } from '../../../functions/platform/sign-in.ts';
import type { Credentials } from '../../../functions/revocation/credentials.ts';
import { Refused, Unavailable, Unexpected } from '../../../functions/revocation/errors.ts';
import { path, type Request } from '../../../functions/revocation/exchange.ts';
import { Secret } from '../../../functions/revocation/secret.ts';
import { type Arrival, type Trouble, type VendorAnswer, vendorServer } from '../../../lib/local/vendors/vendor.ts';
import { testClock, vendorNetwork } from '../../support/lane.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** A server that does as it is told, and a `send` that signs in to it. */
async function begin(answer: (arrival: Arrival, index: number) => VendorAnswer, clientNonce = 'f00dcafe') {
  const clock = testClock();
  const seen = { arrivals: [] as Arrival[], troubles: [] as Trouble[] };
  const server = vendorServer(seen, (arrival) => answer(arrival, seen.arrivals.length - 1));
  const network = await vendorNetwork({ server });
  closers.push(network.close);
  const send = signingIn(createSend({ now: clock.now, fetch: network.fetch }), {
    now: clock.now,
    clientNonce: () => clientNonce,
  });
  const ask = (as: Credentials, request: Partial<Request> = {}) =>
    send(
      { provider: 'acme', origin: 'https://api.acme.example', deadline: clock.now() + 9_000 },
      { method: 'GET', path: path`/keys`, as, ...request },
    );
  return { ask, clock, ...seen };
}

/** What a refused sign-in throws. */
async function faultOf(asking: Promise<unknown>): Promise<Error> {
  const error = await asking.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as Error;
}

const partsOf = ({ headers: { authorization = '' } }: Pick<Arrival, 'headers'>) => {
  const parts = authorization.replace(/^Digest /, '').matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g);
  return Object.fromEntries([...parts].map(([, name, quoted, plain]) => [name, quoted ?? plain]));
};
const challenging = (...challenges: string[]): VendorAnswer => ({
  status: 401,
  headers: { 'www-authenticate': challenges.join(', ') },
  body: { error: 401 },
});
const ok: VendorAnswer = { status: 200, body: {} };

describe('signing in by digest', () => {
  const as = (): Credentials => ({ by: 'digest', username: 'leakedpk', password: new Secret('canary-9a55') });
  const atlas = (nonce = 'gB+/8w==', stale = false) =>
    `Digest realm="MMS Public API", domain="", nonce="${nonce}", algorithm=MD5, qop="auth", stale=${stale}`;
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  /** What `as()` answers to `atlas()`. */
  const answerTo = (line: string, nonce: string, nc: string) =>
    md5(`${md5('leakedpk:MMS Public API:canary-9a55')}:${nonce}:${nc}:f00dcafe:auth:${md5(line.replace(' ', ':'))}`);

  const of7616 = {
    realm: 'http-auth@example.org',
    nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
    opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
    cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  };
  test.each([
    {
      of: 'RFC 7616 with MD5',
      given: { ...of7616, algorithm: 'MD5' },
      password: 'Circle of Life',
      response: '8ca523f5e9506fed4657c9700eebdbec',
    },
    {
      of: 'RFC 7616 with SHA-256',
      given: { ...of7616, algorithm: 'SHA-256' },
      password: 'Circle of Life',
      response: '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    },
    {
      of: 'RFC 2617',
      given: {
        realm: 'testrealm@host.com',
        nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
        opaque: '5ccc069c403ebaf9f0171e9517f40e41',
        cnonce: '0a4f113b',
      },
      password: 'Circle Of Life',
      response: '6629fae49393a05397450978507c4ef1',
    },
  ])('answers as in the example of $of', async ({ given: { cnonce, ...given }, password, response }) => {
    const asked = Object.entries({ ...given, qop: 'auth,auth-int' }).map(([name, value]) => `${name}="${value}"`);
    const { ask, arrivals } = await begin(
      ({ headers }) => (headers.authorization ? ok : challenging(`Digest ${asked.join(', ')}`)),
      cnonce,
    );
    const request = { path: path`/dir/index.html` };
    expect((await ask({ by: 'digest', username: 'Mufasa', password: new Secret(password) }, request)).status).toBe(200);
    expect(arrivals).toHaveLength(2);
    expect(partsOf(arrivals[1] as Arrival)).toEqual({
      ...given,
      username: 'Mufasa',
      uri: '/dir/index.html',
      qop: 'auth',
      nc: '00000001',
      cnonce,
      response,
    });
  });

  test('signs the address exactly as it is sent, and shows the password nowhere', async () => {
    const { ask, arrivals } = await begin(({ headers }) => (headers.authorization ? ok : challenging(atlas())));
    const answer = await ask(as(), {
      method: 'DELETE',
      path: path`/orgs/${'a b/c'}`,
      query: { 'page[size]': '5', q: 'ä+&' },
      headers: { Accept: 'application/vnd.acme+json' },
    });
    expect(answer.status).toBe(200);
    const [, signed] = arrivals as [Arrival, Arrival];
    expect(signed.target).toBe('/orgs/a%20b%2Fc?page%5Bsize%5D=5&q=%C3%A4%2B%26');
    expect(partsOf(signed)).toMatchObject({
      uri: signed.target,
      nonce: 'gB+/8w==',
      response: answerTo(`DELETE ${signed.target}`, 'gB+/8w==', '00000001'),
    });
    expect(signed.headers.accept).toBe('application/vnd.acme+json');
    expect(JSON.stringify(arrivals)).not.toContain('canary');
  });

  test('sends no count and no client nonce where the challenge asks for no `qop`', async () => {
    const typo = atlas().replace('qop', 'op');
    const { ask, arrivals } = await begin(({ headers }) => (headers.authorization ? ok : challenging(typo)));
    expect((await ask(as())).status).toBe(200);
    expect(partsOf(arrivals[1] as Arrival)).toEqual({
      username: 'leakedpk',
      realm: 'MMS Public API',
      nonce: 'gB+/8w==',
      uri: '/keys',
      algorithm: 'MD5',
      response: md5(`${md5('leakedpk:MMS Public API:canary-9a55')}:gB+/8w==:${md5('GET:/keys')}`),
    });
  });

  test('uses a nonce again, and counts its uses in hexadecimal digits', async () => {
    const { ask, arrivals } = await begin(({ headers }) => (headers.authorization ? ok : challenging(atlas())));
    const credentials = as();
    for (let sent = 0; sent < 10; sent += 1) expect((await ask(credentials)).status).toBe(200);
    const [first, ...signed] = arrivals;
    expect(first?.headers.authorization).toBeUndefined();
    expect(signed.map((arrival) => partsOf(arrival).nc)).toEqual(
      ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'a'].map((digit) => `0000000${digit}`),
    );
    expect(partsOf(signed[9] as Arrival).response).toBe(answerTo('GET /keys', 'gB+/8w==', '0000000a'));
  });

  test('answers once more when the nonce has grown old', async () => {
    const { ask, arrivals } = await begin((_, index) =>
      index === 0 ? challenging(atlas('old')) : index === 2 ? challenging(atlas('new', true)) : ok,
    );
    const credentials = as();
    expect([(await ask(credentials)).status, (await ask(credentials)).status]).toEqual([200, 200]);
    expect(arrivals.slice(1).map((arrival) => [partsOf(arrival).nonce, partsOf(arrival).nc])).toEqual([
      ['old', '00000001'],
      ['old', '00000002'],
      ['new', '00000001'],
    ]);
  });

  test('answers once more when even the first nonce came too late, and then no more', async () => {
    const { ask, arrivals } = await begin((_, index) => challenging(atlas(`nonce-${index}`, index > 0)));
    expect((await ask(as())).status).toBe(401);
    expect(arrivals.map((arrival) => partsOf(arrival).nonce)).toEqual([undefined, 'nonce-0', 'nonce-1']);
  });

  test('takes the 401 that follows its answer for the answer', async () => {
    const { ask, arrivals } = await begin((_, index) => challenging(atlas(`nonce-${index}`)));
    const credentials = as();
    expect(await ask(credentials)).toMatchObject({ status: 401, json: { error: 401 } });
    expect(arrivals).toHaveLength(2);
    expect((await ask(credentials)).status).toBe(401);
    expect(arrivals).toHaveLength(4);
  });

  test.each([
    ['has an unknown algorithm', atlas().replace('MD5', 'SHA-1024')],
    ['has an algorithm with sessions', atlas().replace('MD5', 'MD5-sess')],
    ['wants the body signed too', atlas().replace('"auth"', '"auth-int"')],
    ['has no nonce', 'Digest realm="MMS Public API", algorithm=MD5, qop="auth"'],
    ['is of another scheme', 'Basic realm="MMS Public API, Digest nonce=1", charset="UTF-8"'],
    ['is empty', ''],
    ['is cut off', 'Digest realm="MMS Public API, nonce="'],
  ])('takes a 401 for the answer whose challenge %s', async (_, challenge) => {
    const { ask, arrivals } = await begin(() => challenging(challenge));
    expect(await ask(as())).toMatchObject({ status: 401, json: { error: 401 } });
    expect(arrivals).toHaveLength(1);
  });

  const sha = atlas('of-sha').replace('MD5', 'SHA-256');
  test.each([
    ['the first', [sha, atlas('of-md5')], 'of-sha', 'SHA-256'],
    ['the one it knows', [atlas('of-new').replace('MD5', 'SHA-1024'), atlas('of-md5')], 'of-md5', 'MD5'],
    ['one without an algorithm as MD5', [atlas('plain').replace('algorithm=MD5, ', ''), sha], 'plain', undefined],
    [
      'one behind another scheme',
      ['Basic realm="a digest, nonce=\\"1\\""', 'Negotiate YII=', sha],
      'of-sha',
      'SHA-256',
    ],
    ['one in small letters', [atlas('small').replace('Digest', 'digest').replace('MD5', 'md5')], 'small', 'md5'],
  ])('answers of several challenges %s', async (_, challenges, nonce, algorithm) => {
    const { ask, arrivals } = await begin(({ headers }) =>
      headers.authorization ? ok : challenging(...(challenges as string[])),
    );
    expect((await ask(as())).status).toBe(200);
    const signed = partsOf(arrivals[1] as Arrival);
    expect([signed.nonce, signed.algorithm]).toEqual([nonce, algorithm]);
    expect(signed.response).toHaveLength(algorithm === 'SHA-256' ? 64 : 32);
    if (algorithm !== 'SHA-256') expect(signed.response).toBe(answerTo('GET /keys', nonce as string, '00000001'));
  });

  test('takes a nonce from its own parameter only, and a realm as it stands', async () => {
    const realm = 'say \\"nonce=7, qop=x\\"';
    const asked = `Digest cnonce="8", realm="${realm}", nonce="gB+/8w==", qop="auth"`;
    const { ask, arrivals } = await begin(({ headers }) => (headers.authorization ? ok : challenging(asked)));
    await ask(as());
    const first = md5(`leakedpk:${realm}:canary-9a55`);
    expect(partsOf(arrivals[1] as Arrival)).toMatchObject({
      realm,
      nonce: 'gB+/8w==',
      response: md5(`${first}:gB+/8w==:00000001:f00dcafe:auth:${md5('GET:/keys')}`),
    });
  });

  test('counts every use apart when many requests go out at once', async () => {
    const { ask, arrivals } = await begin(({ headers }, index) =>
      headers.authorization ? ok : challenging(atlas(`nonce-${index}`)),
    );
    const credentials = as();
    const atOnce = async () =>
      (await Promise.all([1, 2, 3, 4, 5].map(() => ask(credentials)))).map(({ status }) => status);
    expect([await atOnce(), await atOnce()]).toEqual([Array(5).fill(200), Array(5).fill(200)]);
    const signed = arrivals.filter(({ headers }) => headers.authorization).map(partsOf);
    expect(signed).toHaveLength(10);
    expect(new Set(signed.map(({ nonce, nc }) => `${nonce} ${nc}`)).size).toBe(10);
    for (const { nonce, nc, response } of signed)
      expect(response).toBe(answerTo('GET /keys', nonce as string, nc as string));
  });

  test('lets nobody overtake the first use of a nonce: a server that heeds the count takes that for a replay', async () => {
    const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const counts = new Map<string, number>();
    let given = 0;
    const send = signingIn(async (_, { headers: { Authorization } = {} }) => {
      const authorization = Authorization instanceof Secret ? Authorization.expose() : undefined;
      const { nonce = '', nc = '' } = partsOf({ headers: { authorization } });
      if (nonce === 'nonce-1' && nc === '00000001') {
        arrived.resolve();
        await released.promise;
      }
      const count = Number.parseInt(nc, 16);
      const isNext = authorization !== undefined && count > (counts.get(nonce) ?? 0);
      if (isNext) counts.set(nonce, count);
      else given += 1;
      const header = (name: string) => (name === 'www-authenticate' ? atlas(`nonce-${given}`) : undefined);
      return { status: isNext ? 200 : 401, empty: true, json: {}, header };
    }, testClock());
    const credentials = as();
    const ask = () =>
      send(
        { provider: 'acme', origin: 'https://api.acme.example', deadline: 0 },
        { method: 'GET', path: path`/keys`, as: credentials },
      );
    const first = ask();
    await arrived.promise;
    const second = await ask();
    released.resolve();
    expect([(await first).status, second.status, (await ask()).status]).toEqual([200, 200, 200]);
  });

  test('keeps a nonce to the user and the secret it was given to', async () => {
    const { ask, arrivals } = await begin(({ headers }) => (headers.authorization ? ok : challenging(atlas())));
    const credentials = as() as Extract<Credentials, { by: 'digest' }>;
    for (const one of [credentials, { ...credentials, username: 'another' }, as()]) await ask(one);
    expect(arrivals.map(({ headers }) => headers.authorization !== undefined)).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  test('makes a client nonce nobody can guess unless it is told one', async () => {
    const clock = testClock();
    const given: string[] = [];
    const send = signingIn(async (_, { headers = {} }) => {
      const { Authorization } = headers;
      if (Authorization instanceof Secret)
        given.push(partsOf({ headers: { authorization: Authorization.expose() } }).cnonce ?? '');
      const header = (name: string) => (name === 'www-authenticate' ? atlas() : undefined);
      return { status: 401, empty: true, json: undefined, header };
    }, clock);
    for (const credentials of [as(), as()])
      await send(
        { provider: 'acme', origin: 'https://api.acme.example', deadline: 0 },
        { method: 'GET', path: path`/keys`, as: credentials },
      );
    expect(given).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(given[0]).not.toBe(given[1]);
  });
});

interface Way {
  credentials(): Credentials;
  /** The answer that gives token number `index`, for an hour. */
  given(index: number): VendorAnswer;
  opening: RegExp;
  /** What a request carries that was signed in with token number `index`. */
  carried(index: number): object;
  /** Answers that are no token. */
  garbage: VendorAnswer[];
}

const oauthToken = (index: number) => ({
  access_token: `canary-token-${index}`,
  token_type: 'Bearer',
  expires_in: 3600,
});
const ways: Record<string, Way> = {
  'client credentials': {
    credentials: () => ({
      by: 'client-credentials',
      tokenPath: path`/api/oauth/token`,
      clientId: 'client-1',
      clientSecret: new Secret('canary-5ec+/='),
    }),
    given: (index) => ({ status: 200, body: oauthToken(index) }),
    opening: /^POST \/api\/oauth\/token$/,
    carried: (index) => ({ authorization: `Bearer canary-token-${index}` }),
    garbage: [
      { status: 200, body: { ...oauthToken(0), access_token: '' } },
      { status: 200, body: { ...oauthToken(0), access_token: 'two\nlines' } },
      { status: 200, body: { ...oauthToken(0), token_type: 'mac' } },
      { status: 200, body: { token: 'canary-token-0' } },
      { status: 200, body: { ...oauthToken(0), expires_in: 'soon' } },
      { status: 201, body: oauthToken(0) },
    ],
  },
  'a session': {
    credentials: () => {
      const key = new Secret('canary-5ec+/=');
      return {
        by: 'session',
        key,
        open: { method: 'POST', path: path`/user/authenticate`, body: { email: 'a@acme.example', password: key } },
        read: ({ status, json }) => {
          if (status === 404) return 'refused';
          const token = (json as { token?: unknown } | undefined)?.token;
          return typeof token === 'string' ? { token: new Secret(token), livesMs: 3_600_000 } : undefined;
        },
        headers: (token) => ({ 'X-Session': token }),
      };
    },
    given: (index) => ({ status: 200, body: { token: `canary-token-${index}` } }),
    opening: /^POST \/user\/authenticate$/,
    carried: (index) => ({ 'x-session': `canary-token-${index}` }),
    garbage: [{ status: 201, body: {} }],
  },
};

describe.each(Object.entries(ways))('signing in with %s', (_, { credentials, given, opening, carried, garbage }) => {
  /** A server that gives tokens, and answers all else with `answer`. */
  async function signIn(answer: (arrival: Arrival) => VendorAnswer = () => ok) {
    let opened = 0;
    const lane = await begin((arrival) =>
      opening.test(`${arrival.method} ${arrival.target}`) ? given(opened++) : answer(arrival),
    );
    const openings = () => lane.arrivals.filter(({ method, target }) => opening.test(`${method} ${target}`));
    const others = () => lane.arrivals.filter((arrival) => !openings().includes(arrival));
    return { ...lane, openings, others };
  }

  test('keeps the token for as long as it is good', async () => {
    const { ask, clock, openings, others } = await signIn();
    const as = credentials();
    await ask(as);
    await ask(as, { method: 'DELETE' });
    clock.advance(3_569_999);
    await ask(as);
    expect(openings()).toHaveLength(1);
    clock.advance(1);
    await ask(as);
    expect(openings()).toHaveLength(2);
    expect(others().map(({ headers }) => headers)).toMatchObject([carried(0), carried(0), carried(0), carried(1)]);
    await ask(credentials());
    expect(openings()).toHaveLength(3);
  });

  test('fetches one token for many requests at once', async () => {
    const { ask, openings, others } = await signIn();
    const as = credentials();
    await Promise.all([1, 2, 3, 4, 5].map(() => ask(as)));
    expect([openings().length, others().length]).toEqual([1, 5]);
  });

  test('opens one new session for a 401, however many requests get it', async () => {
    const isNew = ({ headers }: Arrival) => JSON.stringify(headers).includes('canary-token-1');
    const { ask, openings, others } = await signIn((arrival) => (isNew(arrival) ? ok : { status: 401 }));
    const as = credentials();
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => ask(as)));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(openings()).toHaveLength(2);
    expect((await ask(as)).status).toBe(200);
    expect([openings().length, others().length]).toEqual([2, 11]);
  });

  test('takes the 401 of a new session for the answer', async () => {
    const { ask, openings, others } = await signIn(() => ({ status: 401, body: { error: 401 } }));
    expect(await ask(credentials())).toMatchObject({ status: 401, json: { error: 401 } });
    expect([openings().length, others().length]).toEqual([2, 2]);
  });

  test.each([400, 401, 403])(
    'is refused where the sign-in is answered with %i, and sends nothing more',
    async (status) => {
      const { ask, troubles, others } = await signIn();
      troubles.push({ on: opening, reply: { status, body: { error: 'invalid_client', echo: 'canary-5ec+/=' } } });
      const error = await faultOf(ask(credentials()));
      expect(error).toBeInstanceOf(Refused);
      expect((error as Refused).explained).toBe(true);
      expect(error.message).toBe(`acme refuses to sign the admin credential in (${status})`);
      expect(others()).toEqual([]);
    },
  );

  test.each([
    ['a rate limit', { status: 429, headers: { 'retry-after': '40' } }, 40_000],
    ['a failure', { status: 503, headers: { 'retry-after': '7' } }, 7_000],
    ['a failure that names no wait', { status: 500 }, undefined],
    ['a wait in words', { status: 429, headers: { 'retry-after': 'a while' } }, undefined],
    ['an empty wait', { status: 429, headers: { 'retry-after': '' } }, undefined],
    ['a broken connection', 'drop-before' as const, undefined],
    ['a lost answer', 'drop-after' as const, undefined],
  ])('comes back later after %s: the request itself has not left', async (_, reply, retryAfterMs) => {
    const { ask, troubles, others } = await signIn();
    troubles.push({ on: opening, times: 1, reply });
    const as = credentials();
    const error = await faultOf(ask(as, { method: 'DELETE' }));
    expect(error).toBeInstanceOf(Unavailable);
    expect(error).toMatchObject({ untouched: true, retryAfterMs });
    expect(others()).toEqual([]);
    expect((await ask(as, { method: 'DELETE' })).status).toBe(200);
  });

  test.each([
    { status: 200, body: '<html>maintenance</html>' },
    { status: 200, body: {} },
    { status: 200 },
    { status: 302, headers: { location: 'https://elsewhere.example/' } },
    { status: 418, body: {} },
    ...garbage,
  ])('takes nothing for a token that is none: %j', async (reply) => {
    const { ask, troubles, others } = await signIn();
    troubles.push({ on: opening, reply });
    expect(await faultOf(ask(credentials()))).toBeInstanceOf(Unexpected);
    expect(others()).toEqual([]);
  });

  test('shows no secret in any error', async () => {
    for (const reply of [
      { status: 401, body: { error: 'invalid_client', error_description: 'canary-5ec+/=' } },
      { status: 500, body: 'canary-5ec+/=' },
      { status: 200, body: { access_token: 7, token: 7, note: 'canary-token-0' } },
      'drop-after' as const,
    ]) {
      const { ask, troubles } = await signIn();
      troubles.push({ on: opening, reply });
      const error = await faultOf(ask(credentials()));
      const shown = inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error);
      for (const secret of ['canary', Buffer.from('client-1:canary-5ec+/=').toString('base64')])
        expect(shown).not.toContain(secret);
    }
  });
});

describe('a token request', () => {
  const as = ways['client credentials']?.credentials() as Credentials;

  test('is what RFC 6749 says, with id and secret as they are', async () => {
    const { ask, arrivals } = await begin((_, index) => (index === 0 ? { status: 200, body: oauthToken(0) } : ok));
    await ask(as, { headers: { Accept: 'application/vnd.acme+json' } });
    const [asked, signed] = arrivals as [Arrival, Arrival];
    expect(asked).toMatchObject({
      method: 'POST',
      host: 'api.acme.example',
      target: '/api/oauth/token',
      body: 'grant_type=client_credentials',
      headers: {
        authorization: `Basic ${Buffer.from('client-1:canary-5ec+/=').toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
    });
    expect(signed.headers.accept).toBe('application/vnd.acme+json');
  });

  test('is made anew each time for tokens that do not say how long they live', async () => {
    const { access_token, token_type } = oauthToken(0);
    const { ask, arrivals } = await begin(({ method }) =>
      method === 'POST' ? { status: 200, body: { access_token, token_type } } : ok,
    );
    for (const credentials of [as, as]) await ask(credentials);
    expect(arrivals.map(({ method }) => method)).toEqual(['POST', 'GET', 'POST', 'GET']);
  });
});

describe('a session', () => {
  test('is refused where its own reading says so', async () => {
    const { ask } = await begin(() => ({ status: 404 }));
    const error = await faultOf(ask(ways['a session']?.credentials() as Credentials));
    expect(error).toBeInstanceOf(Refused);
    expect(error.message).toBe('acme refuses to sign the admin credential in (404)');
  });

  test('is opened with the secret on the wire', async () => {
    const { ask, arrivals } = await begin(() => ({ status: 200, body: { token: 'canary-token-0' } }));
    await ask(ways['a session']?.credentials() as Credentials);
    expect(JSON.parse(arrivals[0]?.body ?? '')).toEqual({ email: 'a@acme.example', password: 'canary-5ec+/=' });
  });
});

describe('signing in otherwise', () => {
  test('adds the headers of the credential, or none', async () => {
    const { ask, arrivals } = await begin(() => ({ status: 401 }));
    await ask({ by: 'headers', headers: { 'X-Key': new Secret('canary-key') } });
    await ask(undefined as never);
    expect(arrivals.map(({ headers }) => headers['x-key'])).toEqual(['canary-key', undefined]);
  });
});
