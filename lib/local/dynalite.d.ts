declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** A DynamoDB server over LevelDB; `path` is a folder, absent it keeps everything in memory. */
  export default function dynalite(options: { path?: string; createTableMs?: number }): Server;
}
