import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { Discovery } from '../scanners/scanner.ts';

/** One request as it arrived at a simulated vendor: for tests to look at. */
export interface Arrival {
  method: string;
  host: string;
  /** Path and query exactly as sent. */
  target: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface VendorAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown;
}

/** Bad days a vendor can have: what it is told is done with the next requests that fit. */
export interface Trouble {
  /** Which requests, by `METHOD target`. */
  on: RegExp;
  /** Only once such a request has arrived. */
  after?: RegExp;
  /** How many of them; absent, all. */
  times?: number;
  /** `drop-before`: the connection breaks and nothing was done; `drop-after`: it was done and the answer is lost; `hang`: no answer ever. */
  reply: VendorAnswer | 'drop-before' | 'drop-after' | 'hang';
  /** Do what was asked, then answer `reply`. */
  afterActing?: boolean;
}

/** A simulated vendor: a real HTTP server with state, written from the vendor's documentation. */
export interface Vendor {
  id: string;
  /** The host names it answers for. */
  hosts: string[];
  server: Server;
  /** What arrived, in order. */
  arrivals: Arrival[];
  troubles: Trouble[];
  /** Whether the vendor would still accept this credential. */
  accepts(secret: string): boolean;
  /** The value of every credential it has. */
  values(): string[];
  /** Deletions that took something away, by key id, in order. */
  deletions: string[];
  /** Brings back a key that it deleted, as if it had never held to that. */
  revive(keyId: string): void;
  /** Puts the admin credential of an account, as its secret has it, into a bad state; false where there is no such state for it. */
  spoil?(state: BadState, admin: object): boolean;
  /**
   * Makes one more key of this kind, with a value of its own, and answers the leak of it as an alert would carry it;
   * undefined where no account has a place for one. Absent: there is the sample alone.
   */
  leakFresh?(kind: string): object | undefined;
}

/** What can be wrong with an admin credential. */
export const badStates = ['wrong-key', 'missing-right', 'expired', 'expires-soon', 'elsewhere', 'blocked'] as const;
export type BadState = (typeof badStates)[number];

/** Takes out of a list what fits; whether anything did. */
export function takeOut<Item>(items: Item[], fits: (item: Item) => boolean): boolean {
  const before = items.length;
  items.splice(0, before, ...items.filter((item) => !fits(item)));
  return items.length < before;
}

/** Deletes from a vendor's lists, and brings back what was deleted. */
export function undertaker(deletions: string[]) {
  const graves = new Map<string, () => void>();
  return {
    bury<Item extends { id: string | number }>(items: Item[], item: Item): void {
      const keyId = String(item.id);
      items.splice(items.indexOf(item), 1);
      deletions.push(keyId);
      graves.set(keyId, () => items.push(item));
    },
    revive(keyId: string): void {
      const rise = graves.get(keyId);
      if (!rise) throw new Error(`key ${keyId} was never deleted`);
      graves.delete(keyId);
      rise();
    },
  };
}

/** What a vendor's file exports as `world`: sample accounts, and the vendor that fits the accounts it is given. */
export interface World {
  /** Account name → admin secret, as `leakstop/providers/<id>/<account>` would hold it. */
  accounts: Record<string, object>;
  /** A leak to try: one key of the simulated vendor, as an alert would carry it. */
  leaks: object[];
  /** Keys that simulated scanners find, by the scanner's id. */
  finds?: Readonly<Record<string, Discovery>>;
  /** Builds the vendor, so that it accepts the admin secrets of these accounts. `now` in epoch ms; absent, the time of day. */
  simulate(accounts: Record<string, object>, now?: () => number): Vendor;
}

/** Serves `answer` with the vendor's bad days, and notes what arrives. */
export function vendorServer(
  { arrivals, troubles }: Pick<Vendor, 'arrivals' | 'troubles'>,
  answer: (request: Arrival) => VendorAnswer,
): Server {
  return createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const arrival: Arrival = {
      method: request.method ?? '',
      host: (request.headers.host ?? '').replace(/:\d+$/, ''),
      target: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    const trouble = nextTrouble(troubles, lineOf(arrival), arrivals.map(lineOf));
    arrivals.push(arrival);
    if (trouble?.reply === 'hang') return;
    if (trouble?.reply === 'drop-before') return void request.socket.destroy();
    const acts = trouble === undefined || trouble.reply === 'drop-after' || trouble.afterActing;
    const regular = acts ? answer(arrival) : undefined;
    if (trouble?.reply === 'drop-after') return void request.socket.destroy();
    const { status, headers = {}, body } = trouble?.reply ?? regular ?? { status: 500 };
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
    response
      .writeHead(status, { ...(typeof body === 'object' && { 'content-type': 'application/json' }), ...headers })
      .end(text);
  });
}

const lineOf = ({ method, target }: Arrival) => `${method} ${target}`;

function nextTrouble(troubles: Trouble[], line: string, before: string[]): Trouble | undefined {
  const index = troubles.findIndex(
    ({ on, after, times = 1 }) =>
      times > 0 && on.test(line) && (after === undefined || before.some((earlier) => after.test(earlier))),
  );
  const trouble = troubles[index];
  if (trouble?.times !== undefined) {
    trouble.times -= 1;
    if (trouble.times === 0) troubles.splice(index, 1);
  }
  return trouble;
}
