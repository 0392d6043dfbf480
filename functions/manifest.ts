import type { FunctionName } from './platform/env.ts';

/** How one function is put somewhere. Everything a way to deploy needs to know about it stands here, once. */
export interface FunctionFacts {
  /** The file under `functions/`. */
  entry: `${FunctionName}.ts`;
  /** API Gateway route keys; `public` ones authenticate by the source's own signature, the others by IAM. */
  routes: readonly { route: string; access: 'public' | 'operator' }[];
  /** What it consumes: `lane`, one queue and one function per configured provider. */
  consumes: 'nothing' | 'lane' | 'unrouted' | 'notices';
  /** What it sends to; `own-lane`, or what it consumes itself, to put messages back. */
  sendsTo: readonly ('lanes' | 'unrouted' | 'own-lane' | 'notices')[];
  /** What it publishes to beside queues, where that is configured. */
  publishes?: readonly ('event-bus' | 'topic')[];
  /** What it does with the table's items, and which of its indexes it asks. */
  ledger: {
    items: readonly ('GetItem' | 'BatchGetItem' | 'PutItem' | 'UpdateItem')[];
    indexes: readonly string[];
  };
  /** It runs this often (s). */
  everySeconds?: number;
  /**
   * Secrets it may read: those of the configured sources that send alerts, of those that are asked for what an alert names, of
   * those that are told that a key is dead, of Slack, of its own provider's accounts, the fingerprint.
   */
  reads: readonly ('sources' | 'asked-sources' | 'told-sources' | 'slack' | 'own-provider' | 'fingerprint')[];
  timeoutSeconds: number;
  memoryMb: number;
  description: string;
}

/** Every function, once. */
export const functions = {
  'keep-watch': {
    entry: 'keep-watch.ts',
    routes: [],
    consumes: 'nothing',
    sendsTo: ['lanes', 'unrouted', 'notices'],
    ledger: { items: ['UpdateItem'], indexes: ['due'] },
    everySeconds: 60,
    reads: [],
    timeoutSeconds: 30,
    memoryMb: 256,
    description: 'Passes on what is due: keys to look at again, work that was left lying, sources to sweep',
  },
  'receive-alert': {
    entry: 'receive-alert.ts',
    routes: [
      { route: 'POST /sources/{source}', access: 'public' },
      { route: 'GET /sources/{source}/{endpoint}', access: 'public' },
      { route: 'POST /sources/{source}/{endpoint}', access: 'public' },
    ],
    consumes: 'nothing',
    sendsTo: ['lanes', 'unrouted'],
    ledger: { items: [], indexes: [] },
    reads: ['sources', 'fingerprint'],
    timeoutSeconds: 10,
    memoryMb: 512,
    description: 'Verifies signed alerts and queues what they say',
  },
  'receive-request': {
    entry: 'receive-request.ts',
    routes: [
      { route: 'POST /revocations', access: 'operator' },
      { route: 'POST /reports/{format}', access: 'operator' },
      { route: 'GET /incidents', access: 'operator' },
      { route: 'GET /incidents/{id}', access: 'operator' },
      { route: 'POST /incidents/{id}/retry', access: 'operator' },
      { route: 'POST /incidents/{id}/approve', access: 'operator' },
      { route: 'POST /incidents/{id}/reject', access: 'operator' },
      { route: 'POST /incidents/{id}/restore', access: 'operator' },
      { route: 'GET /fuse', access: 'operator' },
      { route: 'POST /fuse/reset', access: 'operator' },
      { route: 'GET /health', access: 'operator' },
      { route: 'GET /openapi.json', access: 'operator' },
    ],
    consumes: 'nothing',
    sendsTo: ['lanes', 'unrouted', 'notices'],
    ledger: {
      items: ['GetItem', 'PutItem', 'UpdateItem'],
      indexes: ['newest', 'by-state', 'by-outcome', 'by-provider'],
    },
    reads: ['fingerprint'],
    timeoutSeconds: 29,
    memoryMb: 512,
    description: "Answers the operators' requests",
  },
  'receive-slack': {
    entry: 'receive-slack.ts',
    routes: [{ route: 'POST /sources/slack', access: 'public' }],
    consumes: 'nothing',
    sendsTo: ['lanes', 'unrouted', 'notices'],
    ledger: { items: ['GetItem', 'PutItem', 'UpdateItem'], indexes: ['by-state'] },
    reads: ['asked-sources', 'slack', 'fingerprint'],
    timeoutSeconds: 10,
    memoryMb: 512,
    description: 'Takes what people and scanners say in Slack: hints, commands, clicks',
  },
  'resolve-alert': {
    entry: 'resolve-alert.ts',
    routes: [],
    consumes: 'unrouted',
    sendsTo: ['lanes', 'unrouted', 'notices'],
    ledger: { items: ['GetItem', 'BatchGetItem', 'PutItem', 'UpdateItem'], indexes: [] },
    reads: ['asked-sources', 'fingerprint'],
    timeoutSeconds: 24,
    memoryMb: 512,
    description: 'Fetches what alerts only name, and parks what no lane takes, with the reason',
  },
  'revoke-key': {
    entry: 'revoke-key.ts',
    routes: [],
    consumes: 'lane',
    sendsTo: ['own-lane', 'notices'],
    ledger: { items: ['GetItem', 'BatchGetItem', 'PutItem', 'UpdateItem'], indexes: [] },
    reads: ['own-provider', 'fingerprint'],
    timeoutSeconds: 24,
    memoryMb: 512,
    description: 'Finds, revokes and proves dead the leaked keys of one provider',
  },
  'send-notice': {
    entry: 'send-notice.ts',
    routes: [],
    consumes: 'notices',
    sendsTo: ['notices'],
    publishes: ['event-bus', 'topic'],
    ledger: { items: ['GetItem', 'PutItem', 'UpdateItem'], indexes: [] },
    reads: ['told-sources', 'slack'],
    timeoutSeconds: 24,
    memoryMb: 512,
    description: 'Tells people, programs and sources what became of an incident',
  },
} as const satisfies Record<FunctionName, FunctionFacts>;

/** Names and limits that both ways to deploy share. */
export const names = {
  table: 'leakstop-incidents',
  unrouted: 'leakstop-unrouted',
  notices: 'leakstop-notices',
  lane: (provider: string) => `leakstop-lane-${provider}`,
  deadLetters: (queue: string) => `${queue}-dead`,
  function: (name: FunctionName, provider?: string) =>
    provider === undefined ? `leakstop-${name}` : `leakstop-${name}-${provider}`,
  providerSecret: (provider: string, account: string) => `leakstop/providers/${provider}/${account}`,
  sourceSecret: (source: string) => `leakstop/sources/${source}`,
};

export const queues = {
  /** Longer than any consumer may run, short enough that work whose function died goes on within a minute (s). */
  visibilitySeconds: 30,
  retentionSeconds: 14 * 86_400,
  /** A message that killed or failed its function this often is set aside, and somebody is told. */
  receivesAtMost: 10,
  batchSize: 10,
  /** Batches of one queue in hand at a time: what a provider's rate limits bear. */
  concurrency: 5,
};
