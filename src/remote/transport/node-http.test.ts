import { expect, it } from 'vitest';
import { OciError } from '../../errors.ts';
import { nodeHttp } from './node-http.ts';

it('closes quietly after certificates could not be read', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const exchange = nodeHttp({ ca: () => Promise.reject(new OciError('INVALID_SETTINGS', 'no such file')) });
  const request = exchange({
    method: 'GET',
    url: new URL('https://127.0.0.1:1/'),
    headers: {},
    insecure: false,
    timeouts: { connect: 1000, response: 1000, idle: 1000 },
  });
  await expect(request).rejects.toMatchObject({ code: 'INVALID_SETTINGS' });
  exchange.close?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});
