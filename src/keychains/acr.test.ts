import { describe, expect, it } from 'vitest';
import { askFor } from '../../test/support/asked-keychain.ts';
import { azureRegistry, end, json, refreshToken, type Script, server } from '../../test/support/azure-registry.ts';
import { noPackage, withPrograms } from '../../test/support/fake-program.ts';
import { acrKeychain } from './acr.ts';
import type { CloudEnvironment } from './cloud-environment.ts';

const registry = 'team.azurecr.io';
const azAnswer = 'echo \'{"accessToken": "entra-token", "tenant": "tenant-1"}\'';

describe('the az program', () => {
  it('gives a token that the registry, and nobody else, exchanges for its own', async () => {
    const { running, carried, exchange } = await azureRegistry();
    const environment = { ...(await withPrograms({ az: azAnswer })), exchange };
    const { credential } = await askFor(acrKeychain(environment), registry);
    expect(credential).toEqual({ source: 'az', identityToken: refreshToken, expiresAt: end * 1000 - 300_000 });
    expect(carried).toEqual(['POST https://team.azurecr.io/oauth2/exchange']);
    expect(Object.fromEntries(new URLSearchParams(running.requests[0]?.body.toString()))).toEqual({
      grant_type: 'access_token',
      service: registry,
      access_token: 'entra-token',
      tenant: 'tenant-1',
    });
  });

  it('is asked for what the registries of a national cloud take', async () => {
    const { exchange } = await azureRegistry();
    const calls: string[] = [];
    const environment: CloudEnvironment = {
      env: {},
      homedir: '/nowhere',
      importPackage: noPackage,
      exchange,
      async run({ args }) {
        calls.push(args.join(' '));
        return { exitCode: 0, stdout: '{"accessToken": "token"}', stderr: '' };
      },
    };
    for (const host of ['a.azurecr.io', 'b.azurecr.cn', 'c.azurecr.us', 'd.azurecr.de']) {
      expect((await askFor(acrKeychain(environment), host)).credential?.identityToken).toBe(refreshToken);
    }
    expect(calls.map((call) => /--scope (\S+)/.exec(call)?.[1])).toEqual([
      'https://containerregistry.azure.net/.default',
      'https://management.chinacloudapi.cn/.default',
      'https://management.usgovcloudapi.net/.default',
      'https://management.microsoftazure.de/.default',
    ]);
  });
});

describe('the exchange', () => {
  async function failureOf(script: Script, timeLimit?: number): Promise<string | undefined> {
    const { carried, exchange } = await azureRegistry(script);
    const environment = { ...(await withPrograms({ az: azAnswer })), exchange };
    const asked = await askFor(
      acrKeychain({ ...environment, ...(timeLimit === undefined ? {} : { timeLimit }) }),
      registry,
    );
    expect([asked.credential, asked.failure?.code, carried.length]).toEqual([undefined, 'CREDENTIALS', 1]);
    return asked.failure?.message;
  }

  it('that is refused is told with its status', async () => {
    expect(await failureOf(() => json({ errors: [{ message: 'entra-token is bad' }] }, 401))).toBe(
      'The token exchange of team.azurecr.io failed: it answered with status 401',
    );
  });

  it('is not led elsewhere', async () => {
    const other = await server(() => json({ refresh_token: refreshToken }));
    expect(await failureOf(() => ({ status: 307, headers: { location: `${other.origin}/oauth2/exchange` } }))).toBe(
      'The token exchange of team.azurecr.io failed: it answered with status 307',
    );
    expect(other.log).toEqual([]);
  });

  it.each([
    ['<html>not a registry</html>', 'what it answered is no JSON'],
    ['[]', 'what it answered is no JSON object'],
    ['{"refresh_token": 5}', 'its answer has no refresh_token'],
    ['{"refresh_token": "two\\nlines"}', 'its answer has no refresh_token'],
  ])('that answers %s is told', async (body, why) => {
    expect(await failureOf(() => ({ status: 200, body }))).toBe(`The token exchange of team.azurecr.io failed: ${why}`);
  });

  it('has a limit to what it may answer', async () => {
    expect(await failureOf(() => ({ status: 200, body: 'x'.repeat(300 * 1024) }))).toContain('262144 bytes');
  });

  it('that hangs is given up after the time limit', async () => {
    expect(await failureOf(() => () => {}, 2000)).toMatch(/^The token exchange of team\.azurecr\.io failed: .*2/);
  });

  it('whose token does not say until when it is good is repeated soon', async () => {
    const { exchange } = await azureRegistry(() => json({ refresh_token: 'opaque' }));
    const environment = { ...(await withPrograms({ az: azAnswer })), exchange, now: () => 1000 };
    const { credential } = await askFor(acrKeychain(environment), registry);
    expect(credential?.expiresAt).toBe(1000 + 30 * 60_000);
  });
});
