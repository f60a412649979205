import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamOf } from '../../content/bytes.ts';
import { OciError } from '../../errors.ts';
import { type Refusal, type ResponseError, responseErrorOf } from './response-error.ts';

const registry = 'example.com';
const file = { registry, source: '/home/me/.docker/config.json' };

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function refused(
  { status, body = '', headers = {} }: Answer,
  more: Partial<Refusal> = {},
): Promise<ResponseError> {
  return responseErrorOf({
    purpose: 'read manifest "v1" of example.com/app',
    method: 'GET',
    url: new URL('https://example.com/v2/app/manifests/v1'),
    registry,
    repository: 'app',
    status,
    headers: { get: (name) => headers[name], getAll: () => [], entries: () => Object.entries(headers) },
    body: streamOf(Buffer.from(body)),
    login: { registry },
    ...more,
  });
}

const head = 'Could not read manifest "v1" of example.com/app: ';

describe('a refusal', () => {
  it('has everything that is known in members, too', async () => {
    const error = await refused(
      { status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}', headers: { 'cf-ray': 'abc' } },
      { login: file },
    );
    expect(error).toMatchObject({
      code: 'DENIED',
      message: `${head}example.com answered 403 Forbidden (DENIED: no) to a request with the credentials from /home/me/.docker/config.json`,
      hint: 'Ask for access to this repository, or use other credentials',
      status: 403,
      method: 'GET',
      operation: 'read manifest "v1" of example.com/app',
      registry,
      repository: 'app',
      credentials: '/home/me/.docker/config.json',
      requestId: 'abc',
      errors: [{ code: 'DENIED', message: 'no' }],
    });
  });

  it('says with a 401 that the content may not be there at all (Q-15)', async () => {
    expect(await refused({ status: 401 })).toMatchObject({
      code: 'UNAUTHORIZED',
      message: `${head}not found or no access: example.com wants credentials and none were found, 401 Unauthorized`,
      hint: 'Log in with: crane auth login example.com',
      credentials: undefined,
    });
    expect((await refused({ status: 401 }, { login: file })).message).toBe(
      `${head}not found or no access: example.com refused the credentials from /home/me/.docker/config.json, 401 Unauthorized`,
    );
    const write = await refused({ status: 401 }, { method: 'PUT' });
    expect(write.message).not.toContain('not found');
  });

  it('says why there are no credentials', async () => {
    const problem = new OciError('CREDENTIALS', 'The helper is not installed');
    const error = await refused({ status: 401 }, { login: { registry, problem } });
    expect(error.message).toContain('wants credentials and the helper is not installed');
    expect(error.cause).toBe(problem);
  });

  it('says that a request went without credentials where that may be the reason', async () => {
    const denied = await refused({ status: 403 });
    expect(denied.message).toBe(`${head}example.com answered 403 Forbidden to a request without credentials`);
    expect(denied.hint).toBe('Ask for access to this repository, or log in with: crane auth login example.com');
    expect((await refused({ status: 404 })).hint).toMatch(/\(asked without credentials\)$/);
    expect((await refused({ status: 404 }, { login: file })).hint).toMatch(/\(asked with the credentials from \/home/);
  });

  it('names the place the registry redirected to, which got no credentials', async () => {
    const error = await refused(
      {
        status: 403,
        body: '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Expired &amp; gone</Message><RequestId>R1</RequestId></Error>',
      },
      { url: new URL('https://store.example.net/x?sig=secret'), crossed: true, login: file },
    );
    expect(error).toMatchObject({
      message: `${head}store.example.net, where example.com sent us, answered 403 Forbidden (AccessDenied: Expired & gone)`,
      hint: 'The registry sends its content from there: check that a firewall or proxy lets it through',
      url: 'https://store.example.net/x?sig=REDACTED',
      registry,
      credentials: undefined,
      requestId: 'R1',
    });
  });

  it('of a token server names the repository of the scope', async () => {
    const url = new URL('https://auth.example.com/token?scope=repository:team/app:pull,push');
    const error = await refused({ status: 403 }, { url, repository: undefined });
    expect(error.repository).toBe('team/app');
  });
});

describe('what a server said (Q-82)', () => {
  it.each([
    [
      '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown","detail":"a text"}]}',
      ' (MANIFEST_UNKNOWN: unknown a text)',
    ],
    ['{"errors":[{"code":"UNKNOWN","message":"","detail":[{"Action":"pull"}]}]}', ' (UNKNOWN [{"Action":"pull"}])'],
    ['{"errors":[{"code":"X","message":"m","detail":{"name":"example.com/app"}}]}', ' (X: m)'],
    ['{"errors":[{"status":404,"message":"Not there"}]}', ' (Not there)'],
    ['{"message":"too much"}', ' (too much)'],
    ['{"details":"no such user"}', ' (no such user)'],
    ['{"detail":"Not found."}', ' (Not found.)'],
    ['{"error":{"code":404,"message":"gone"}}', ' (404: gone)'],
    ['"just a text"', ' (just a text)'],
    ['[{"code":"A","message":"b"}]', ' (A: b)'],
    ['plain\n  text\n', ': "plain text"'],
    ['<html><head><title>\nLogin &amp; more</title></head></html>', ' (a page titled "Login & more")'],
    ['<html><h1>Not Found</h1></html>', ''],
    ['<html><body>', ''],
    ['', ''],
    ['{}', ': "{}"'],
  ])('as %s is told on one line', async (body, said) => {
    expect((await refused({ status: 404, body })).message).toBe(`${head}example.com answered 404 Not Found${said}`);
  });

  it('can neither move the cursor nor fill the screen, whatever it is', async () => {
    const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 3000 }), fc.constant('\u001b[2J\u009b2J\u202e\n'));
    await fc.assert(
      fc.asyncProperty(texts, texts, fc.constantFrom('oci', 'text', 'html', 'xml'), async (code, message, form) => {
        const bodies = {
          oci: JSON.stringify({ errors: [{ code, message, detail: { code } }] }),
          text: message,
          html: `<title>${message}</title>`,
          xml: `<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
        };
        const error = await refused({ status: 400, body: bodies[form] });
        // oxlint-disable-next-line no-control-regex -- what must not be there
        expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e\u2028]/);
        expect(error.message.length).toBeLessThan(12_000);
      }),
      { numRuns: 200 },
    );
  });
});

it('shows nothing of what comes with a success that was not expected', async () => {
  const error = await refused({ status: 201, body: '{"token":"secret"}' });
  expect([error.message, error.body, error.errors]).toEqual([expect.stringMatching(/answered 201 Created$/), '', []]);
});

it('says how long a server that is busy for long asks to wait', async () => {
  expect(await refused({ status: 503, headers: { 'retry-after': '7200' } })).toMatchObject({
    hint: 'The server asks to wait 2 hours before the next try',
  });
});

describe('a rate limit (Q-80)', () => {
  it.each([
    [{ status: 429 }, undefined],
    [{ status: 403, body: '{"errors":[{"code":"DENIED","message":"secondary rate limit"}]}' }, undefined],
    [{ status: 400, body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}' }, undefined],
    [{ status: 503, body: '<Error><Code>SlowDown</Code><Message>less</Message></Error>' }, undefined],
    [{ status: 429, headers: { 'retry-after': '30' } }, 30_000],
    [{ status: 429, headers: { 'ratelimit-reset': '7' } }, 7000],
    [
      { status: 429, body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 500ms, allowed: 1/s"}]}' },
      500,
    ],
  ])('is known as one: %j', async (answer, retryAfter) => {
    expect(await refused(answer)).toMatchObject({ code: 'RATE_LIMITED', retryAfter });
  });

  it('says how long to wait, what is left and who is counted', async () => {
    const headers = {
      'retry-after': '3600',
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '0;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    };
    const error = await refused({ status: 429, headers });
    expect(error.hint).toBe(
      'The server asks to wait 60 minutes before the next try; its limit is 100 in 6 hours, 0 are left, counted for 192.0.2.1; logged-in users often have a higher limit: crane auth login example.com',
    );
    expect((await refused({ status: 429 }, { login: file })).hint).toBe('Wait before the next try');
    expect(error.rateLimit).toEqual({ limit: 100, remaining: 0, window: 21_600_000, source: '192.0.2.1' });
  });
});

it.each([
  [{ status: 400, body: '{"errors":[{"code":"UNKNOWN","message":"repository not found"}]}' }, 'NOT_FOUND'],
  [{ status: 400, body: '{"errors":[{"code":"NAME_UNKNOWN","message":""}]}' }, 'NOT_FOUND'],
  [{ status: 500, body: '{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}' }, 'RESPONSE'],
  [{ status: 405 }, 'UNSUPPORTED'],
  [{ status: 413 }, 'LIMIT_EXCEEDED'],
  [{ status: 409 }, 'CONFLICT'],
])('classifies %j as %s (Q-15)', async (answer, code) => {
  expect((await refused(answer)).code).toBe(code);
});
