/** The provider's day: what becomes of deletions, and of the key. */
export const days = [
  'fine',
  /** The first deletion is told to come again in 40 s. */
  'limited',
  /** It fails twice without acting; it acts, and says it failed; it acts, and the connection breaks; it breaks before. */
  'failing',
  'failing-after',
  'dropping-before',
  'dropping-after',
  /** It acts, and says that there is no such key. */
  'gone-after',
  /** Accepted at once, honoured for a while longer: 90 s, 20 min, for ever. */
  'alive-for-a-while',
  'alive-for-long',
  'undying',
  /** Honoured for 90 s more, and for the first seconds of that it does not say so. */
  'unprovable',
  /** Somebody else deletes the key: before the story, or just before our deletion arrives. */
  'gone-before',
  'rivalled',
  /** The key comes back some minutes after its death, once. */
  'resurrected',
] as const;
export type Day = (typeof days)[number];

/** How a reporter names the key; `id` comes from a source that may not name keys, `trusted-id` from one that may. */
export const reporters = ['value', 'value-and-id', 'trusted-id', 'id'] as const;
export type Reporter = (typeof reporters)[number];

/** What happens, apart from the faults. */
export interface Story {
  day: Day;
  /** In the order in which their reports are delivered. */
  reporters: readonly Reporter[];
  /** So often each report is delivered at once. */
  copies: number;
  /** Each report comes again this much later (ms). */
  late: readonly number[];
  /** So many messages are in hand at a time. */
  atOnce: number;
  /** It is followed for this long (ms), and then until nothing is left to do but to look at dead keys. */
  forMs: number;
}

const hour = 60 * 60_000;
/** Beyond the last look at a dead key. */
export const whole = 60 * hour;
/** The story itself and the first look at the dead key. */
export const beginning = 3 * 60_000;

export const plainStory: Story = {
  day: 'fine',
  reporters: ['value'],
  copies: 1,
  late: [],
  atOnce: 1,
  forMs: whole,
};

/** A report that may be acted on without a person. */
export const isEnough = (reporter: Reporter) => reporter !== 'id';
