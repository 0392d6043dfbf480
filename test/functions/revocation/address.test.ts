import { describe, expect, test } from 'vitest';
import { originAlone, serviceAddress } from '../../../functions/revocation/address.ts';

describe('the address of a service', () => {
  test.each([
    'https://keys.acme.example',
    'https://keys.acme.example:8443/list?of=keys',
    'http://127.0.0.1:9999/keys',
    'http://localhost/keys',
    'http://LOCALHOST:9999',
    'http://[::1]:9999/keys',
    'https://127.0.0.1:9999',
    'https://localhost:9999',
    // As `fetch` reads them, these are the same machine.
    'http://127.1:9999',
    'http://[0:0:0:0:0:0:0:1]/',
  ])('may be %s', (text) => {
    expect(serviceAddress(text)?.href).toBe(new URL(text).href);
  });

  test.each([
    ['http to another machine', 'http://keys.acme.example'],
    ['http to another number of this one', 'http://127.0.0.2'],
    ['http to whatever listens', 'http://0.0.0.0'],
    ['http to a name that begins like this machine', 'http://127.0.0.1.attacker.example'],
    ['http to a name that ends like it', 'http://attacker.localhost'],
    ['http to the name of AWS’s credentials', 'http://169.254.169.254/latest/meta-data'],
    ['http to another machine, with this one for a user', 'http://127.0.0.1@attacker.example'],
    ['a user', 'https://user@keys.acme.example'],
    ['a password', 'http://:word@127.0.0.1'],
    ['a file', 'file:///etc/passwd'],
    ['another protocol', 'ws://127.0.0.1'],
    ['no address', 'keys.acme.example'],
    ['nothing', ''],
  ])('may not be %s', (_, text) => {
    expect(serviceAddress(text)).toBeUndefined();
  });
});

describe('the address of a whole service', () => {
  test.each([
    ['https://ACME.example/', 'https://acme.example'],
    ['https://acme.example:8443', 'https://acme.example:8443'],
    ['http://127.0.0.1:9999/', 'http://127.0.0.1:9999'],
  ])('is its origin: %s', (text, origin) => {
    expect(originAlone(text)).toBe(origin);
  });

  test.each(['', '/api', '?', '?a', '#', '#a', '\\', ' '])('has nothing beside it: not "%s"', (more) => {
    for (const origin of ['https://acme.example', 'http://127.0.0.1:9999'])
      expect(originAlone(`${origin}${more}`)).toBe(more === '' ? origin : undefined);
  });
});
