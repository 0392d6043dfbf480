import type { Server } from 'node:http';
import type { Arrival, Trouble } from '../vendors/vendor.ts';

/** A key that a simulated scanner finds, as it would call it. */
export interface Discovery {
  secret: string;
  /** The scanner's own name for this kind of credential. */
  detector: string;
}

/** A signed delivery as the scanner would make it. */
export interface ScannerDelivery {
  body: string;
  headers: Record<string, string>;
  /** The alert's page. */
  link: string;
}

/** An alert as the simulated scanner keeps it. */
export interface ScannerAlert {
  link: string;
  state: 'open' | 'closed';
  /** What the scanner was told about the key: as it would show it. */
  resolution?: string | undefined;
  comments: string[];
}

/** A simulated scanner: a real HTTP server with alerts, written from the scanner's documentation. */
export interface Scanner {
  id: string;
  /** The host names it answers for. */
  hosts: string[];
  server: Server;
  /** What arrived, in order. */
  arrivals: Arrival[];
  troubles: Trouble[];
  alerts: ScannerAlert[];
  /** Opens an alert about a key and makes the delivery that tells of it. */
  find(discovery: Discovery): ScannerDelivery;
}

/** What a simulated scanner's file exports as `world`. */
export interface ScannerWorld {
  /** The secret of the source, as `leakstop/sources/<id>` would hold it, for a stage that is given none. */
  secret: object;
  /** Builds the scanner, so that it knows what this secret holds. `now` in epoch ms, for signatures that carry a time. */
  simulate(secret: object, now?: () => number): Scanner;
}
