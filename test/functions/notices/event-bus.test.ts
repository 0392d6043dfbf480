import { describe, expect, test } from 'vitest';
import { eventBus, eventOf } from '../../../functions/notices/event-bus.ts';
import { shortMessageOf, topic } from '../../../functions/notices/topic.ts';
import { view } from '../../../functions/revocation/incident.ts';
import { beginning, recordOf } from '../../support/reports.ts';

const dead = recordOf({ state: 'closed', outcome: 'revoked', fence: 2, keyId: 'key-1', account: 'prod' });

describe('an event', () => {
  test('holds the incident as everybody may see it, by the name of what is told', async () => {
    const put: object[] = [];
    const [notice, ...others] = eventBus({ put: async (event) => void put.push(event) }).noticesOf(dead);
    expect(others).toEqual([]);
    expect(notice?.name).toBe('event-bus 2 closed revoked');
    expect(await notice?.deliver()).toEqual({ detail: '' });
    const omitted = { timeline: 0, sightings: 0 };
    const detail = { version: 1, notice: '2 closed revoked', incident: view(dead), omitted };
    expect(put).toEqual([{ source: 'leakstop', detailType: 'leakstop.incident', detail }]);
  });

  test('is one for a key that outlives its deletion, and none for what is on its way', () => {
    const names = (given: Parameters<typeof recordOf>[0]) =>
      eventBus({ put: async () => undefined })
        .noticesOf(recordOf(given))
        .map(({ name }) => name);
    expect(names({ state: 'sent', watch: { since: beginning, at: beginning } })).toEqual([
      `event-bus alive ${beginning}`,
    ]);
    expect(names({ state: 'sent' })).toEqual([]);
    expect(names({ state: 'claimed' })).toEqual([]);
  });

  test('that would be too large keeps the newest, and counts what it leaves out', () => {
    const long = 'ä'.repeat(900);
    const whole = { at: new Date(beginning).toISOString(), stage: 'claimed', previous: '' } as const;
    const record = recordOf({
      timeline: Array.from({ length: 100 }, (_, index) => ({ ...whole, detail: `${index} ${long}` })),
      sightings: Array.from({ length: 100 }, (_, index) => ({ source: long, at: whole.at, delivery: String(index) })),
    });
    const event = eventOf(record, 'n');
    expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThanOrEqual(240_000);
    const { timeline, sightings } = event.incident;
    expect(timeline.at(-1)?.detail).toMatch(/^99 /);
    expect(timeline.length + event.omitted.timeline).toBe(100);
    expect(sightings.length + event.omitted.sightings).toBe(100);
    expect(timeline.length + sightings.length).toBeGreaterThan(50);
  });
});

describe('a short message', () => {
  test('says in a few lines what became of it and what to do', async () => {
    const out: { subject: string; text: string }[] = [];
    const publish = async (message: { subject: string; text: string }) => void out.push(message);
    const [notice] = topic({ publish }, () => beginning).noticesOf(dead);
    expect(notice?.name).toBe('topic 2 closed revoked');
    expect(await notice?.deliver()).toEqual({ detail: '' });
    expect(out).toEqual([
      {
        subject: 'Leakstop: A leaked datadog key is dead: deleted and proven',
        text: `A leaked datadog key is dead: deleted and proven.\ndatadog, api-key, key-1, account prod\nPut a new key wherever the old one was in use.\nIncident ${dead.id}`,
      },
    ]);
  });

  test('has a subject that SNS takes, whatever it is about', () => {
    const { subject, text } = shortMessageOf(
      recordOf({ ...dead, provider: 'ö\n'.repeat(200), reason: 'x'.repeat(9_000) }),
      0,
    );
    expect(subject).toMatch(/^[\x20-\x7e]{1,100}$/);
    expect(text.length).toBeLessThanOrEqual(4_000);
  });
});
