import type { Send } from '../../functions/revocation/exchange.ts';

/** What may be sent besides reading: it changes nothing either. */
const harmless = new Set(['slack POST /api/auth.test']);

/** Refuses to send what might change something; signing in goes on below it. @throws Error before anything is sent */
export const readingOnly =
  (send: Send): Send =>
  async (to, request) => {
    if (request.method !== 'GET' && !harmless.has(`${to.provider} ${request.method} ${request.path}`))
      throw new Error('the doctor only reads');
    return send(to, request);
  };
