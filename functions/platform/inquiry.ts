import type { Send } from '../revocation/exchange.ts';
import type { Inquiry } from '../revocation/source.ts';

/** The way to the interface of the source `id`, to be over by `deadline` (epoch ms); it goes out as every request does. */
export function inquiryOf<Config>(
  { id, config, deadline }: { id: string; config: Config; deadline: number },
  { send, now }: { send: Send; now(): number },
): Inquiry<Config> {
  return { config, now: now(), ask: (origin, request) => send({ provider: id, origin, deadline }, request) };
}
