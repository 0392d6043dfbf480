import { describe, expect, test } from 'vitest';
import { headlineOf, whatToDo } from '../../../functions/notices/words.ts';
import { recordOf, reportOf } from '../../support/reports.ts';

const drilled = [reportOf({ source: 'drill' }).sighting];

describe('the words about a drill', () => {
  test('say that its key is one of a drill, and that nobody has to do anything when it is dead', () => {
    const dead = { state: 'closed', outcome: 'revoked' } as const;
    const record = recordOf({ ...dead, sightings: drilled });
    expect(headlineOf(record)).toBe('The datadog key of a drill is dead: deleted and proven');
    expect(whatToDo(record, 0)).toBe('Nothing. It was a drill.');
    expect(headlineOf(recordOf(dead))).toBe('A leaked datadog key is dead: deleted and proven');
    expect(whatToDo(recordOf(dead), 0)).toContain('Put a new key');
  });

  test('ask for what they would ask for any other key that cannot be revoked', () => {
    const failed = { state: 'parked', outcome: 'failed' } as const;
    expect(headlineOf(recordOf({ ...failed, sightings: drilled }))).toMatch(/^The datadog key of a drill needs you/);
    expect(whatToDo(recordOf({ ...failed, sightings: drilled }), 0)).toBe(whatToDo(recordOf(failed), 0));
  });
});
