/** Names of the machine that asks, as a URL holds them. */
const here = ['127.0.0.1', 'localhost', '[::1]'];

/** Whether an address is on the very machine that asks. */
export const isLoopback = ({ hostname }: Pick<URL, 'hostname'>): boolean => here.includes(hostname);

/**
 * The address of a service that a secret names: https, and where it never leaves the machine http too, since nobody has a
 * certificate for a service of their own there. Undefined for any other, and for one with a name or password in it.
 */
export function serviceAddress(text: string): URL | undefined {
  const url = URL.parse(text);
  if (url === null || url.username + url.password !== '') return undefined;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)) ? url : undefined;
}

/** The origin of such an address with nothing beside it: no path, query or fragment. */
export function originAlone(text: string): string | undefined {
  const isPlain = /^https?:\/\/[^/?#@\\\s]+\/?$/i.test(text);
  return isPlain ? serviceAddress(text)?.origin : undefined;
}
