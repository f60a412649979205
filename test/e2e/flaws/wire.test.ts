import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/content/hash.ts';
import { succeeded } from '../../support/command.ts';
import { contentScript } from '../../support/content-script.ts';
import { layeredImage } from '../../support/sample-image.ts';
import { type ScriptedAnswer, type ScriptedRequest, scriptedServer } from '../../support/scripted-server.ts';
import { expectRefused, type Workplace, workplace } from '../../support/workplace.ts';

// Titles name the flaws of crane by their numbers in its behaviour specification, section 15.

const image = layeredImage('wire');
const read = contentScript([image, ...image.blobs], { v1: image });

function withHeaders(
  request: ScriptedRequest,
  headers: Readonly<Record<string, string | string[]>>,
): ScriptedAnswer | undefined {
  const answer = read(request);
  return answer === undefined || typeof answer === 'function'
    ? answer
    : { ...answer, headers: { ...answer.headers, ...headers } };
}

describe('warnings of a registry', () => {
  it.each(['299 - text', '299', '299 -', '', '"', '299 - "', '299 - "a', 'garbage "x"', '299 - "\\"', '100 x "y"'])(
    'a Warning header without quotes does not crash: %j (flaw 14)',
    async (warning) => {
      await using server = await scriptedServer((request) => withHeaders(request, { warning }));
      await using place = await workplace();
      expect(succeeded(await place.crane(['digest', `${server.registry}/app:v1`])).stdout).toBe(
        `${image.target.digest}\n`,
      );
    },
  );

  it('are shown once, sorted, without colour where there is no terminal (4)', async () => {
    await using server = await scriptedServer((request) =>
      withHeaders(request, { warning: ['299 - "zebra"', '299 - "apple"', '299 - "zebra"'] }),
    );
    await using place = await workplace();
    const { stderr } = succeeded(await place.crane(['pull', `${server.registry}/app:v1`, 'out.tar']));
    expect(stderr).toBe(`[WARNING]: ${server.registry}: apple\n[WARNING]: ${server.registry}: zebra\n`);
  });

  it('are shown after a failure, too (4)', async () => {
    await using server = await scriptedServer(() => ({
      status: 404,
      headers: { warning: '299 - "this registry closes on Monday"' },
    }));
    const { stderr } = await expectRefused({ args: ['digest', `${server.registry}/app:v1`], says: ['404'] });
    expect(stderr).toContain(`[WARNING]: ${server.registry}: this registry closes on Monday\n`);
  });

  it('cannot write to the terminal', async () => {
    await using server = await scriptedServer((request) => withHeaders(request, { warning: '299 - "a\tb\u009b31mc"' }));
    await using place = await workplace();
    const { stderr } = succeeded(await place.crane(['digest', `${server.registry}/app:v1`]));
    expect(stderr.trim()).not.toMatch(/(?!\t)\p{Cc}/u);
  });
});

describe('redirects', () => {
  it.each<readonly [string, readonly string[]]>([
    ['digest', ['digest', '$R/app:v1']],
    ['manifest', ['manifest', '$R/app:v1']],
    ['blob', ['blob', `$R/app@${image.target.digest}`]],
    ['ls', ['ls', '$R/app']],
    ['catalog', ['catalog', '$R']],
    ['copy -a', ['copy', '-a', '$R/app', '$R/other']],
    ['delete', ['delete', '$R/app:v1']],
    ['tag', ['tag', '$R/app:v1', 'v2']],
  ])('a loop ends: %s (flaw 14)', async (_, args) => {
    await using server = await scriptedServer(({ target }) => ({ status: 307, headers: { location: target } }));
    const { registry } = server;
    await expectRefused({
      args: args.map((arg) => arg.replace('$R', registry).replace('$R', registry)),
      says: [registry, 'more than 10 times'],
    });
    expect(server.log.length).toBeLessThan(40);
  });

  it('a loop that grows ends (flaw 14)', async () => {
    await using server = await scriptedServer(({ target }) => ({ status: 302, headers: { location: `${target}x` } }));
    await expectRefused({ args: ['manifest', `${server.registry}/app:v1`], says: ['more than 10 times'] });
  });
});

describe('lists', () => {
  const pages = (request: ScriptedRequest): ScriptedAnswer | undefined => {
    const { pathname, searchParams } = request.url;
    const key = pathname.endsWith('/tags/list') ? 'tags' : pathname.endsWith('/_catalog') ? 'repositories' : '';
    if (key === '') return read(request);
    const last = Number(searchParams.get('last') ?? '0');
    const entries = [1, 2].map((i) => `x${last + i}`);
    const next = { link: `<${pathname}?n=2&last=${last + 2}>; rel="next"` };
    return { status: 200, headers: last < 4 ? next : {}, body: JSON.stringify({ name: 'app', [key]: entries }) };
  };
  const expected = 'x1\nx2\nx3\nx4\nx5\nx6\n';

  it('pagination works on a local TLS registry (flaw 15)', async () => {
    await using place = await workplace();
    const tls = certificate(place);
    await using server = await scriptedServer(pages, { tls });
    for (const args of [
      ['--insecure', 'ls', `${server.registry}/app`],
      ['--insecure', 'catalog', server.registry],
    ]) {
      expect(succeeded(await place.crane(args)).stdout).toBe(expected);
    }
  });

  it('pagination works where the certificate is trusted, and the links name http (flaw 15)', async () => {
    await using place = await workplace();
    const tls = certificate(place);
    await using server = await scriptedServer(
      (request) => {
        const answer = pages(request);
        if (answer === undefined || typeof answer === 'function') return answer;
        const link = String(answer.headers?.['link'] ?? '').replace('</', `<http://${server.registry}/`);
        return link === '' ? answer : { ...answer, headers: { link } };
      },
      { tls },
    );
    const env = { NODE_EXTRA_CA_CERTS: place.file('cert.pem') };
    expect(succeeded(await place.crane(['ls', `${server.registry}/app`], { env })).stdout).toBe(expected);
  });

  it('SSL_CERT_FILE names certificates to trust (3)', async () => {
    await using place = await workplace();
    const tls = certificate(place);
    await using server = await scriptedServer(pages, { tls });
    const env = { SSL_CERT_FILE: place.file('cert.pem') };
    expect(succeeded(await place.crane(['ls', `${server.registry}/app`], { env })).stdout).toBe(expected);
  });

  it('--insecure reaches a TLS registry with everything else, too (flaw 15)', async () => {
    await using place = await workplace();
    await using server = await scriptedServer(read, { tls: certificate(place) });
    succeeded(await place.crane(['--insecure', 'pull', `${server.registry}/app:v1`, 'out.tar']));
  });

  it('ls leaves out what would not be a tag, and says what is wrong in its own words (9.15)', async () => {
    await using server = await scriptedServer(() => ({
      status: 200,
      body: '{"name":"app","tags":["ok","a b","\\u001b[2J",7,null]}',
    }));
    await using place = await workplace();
    expect(succeeded(await place.crane(['ls', `${server.registry}/app`])).stdout).toBe('ok\n');
    await expectRefused({ args: ['ls', `${server.registry}/app:v1`], says: ['/app:v1"', 'has a tag'] });
  });

  it('ls of a null list prints nothing and succeeds (9.15)', async () => {
    await using server = await scriptedServer(() => ({ status: 200, body: '{"name":"app","tags":null}' }));
    await using place = await workplace();
    expect(succeeded(await place.crane(['ls', `${server.registry}/app`])).stdout).toBe('');
  });

  it('catalog does not speak of tags, and an empty name is not Docker Hub (flaw 25)', async () => {
    await using server = await scriptedServer(() => ({ status: 500, body: 'x' }));
    const { stderr } = await expectRefused({ args: ['catalog', server.registry], says: ['repositories', '500'] });
    expect(stderr).not.toMatch(/\btags?\b/);
    await expectRefused({ args: ['catalog', ''], says: ['registry is empty'] });
  });
});

describe('downloads', () => {
  const large = layeredImage('large', { layers: ['none'], size: 2_000_000 });
  const [layer = large] = large.layers;
  const readLarge = contentScript([large, ...large.blobs], { v1: large });

  it('that are cut go on where they were (demand 1)', async () => {
    await using server = await scriptedServer((request) => {
      if (!request.target.endsWith(layer.target.digest) || request.method !== 'GET') return readLarge(request);
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const rest = layer.bytes.subarray(start);
      return (response) => {
        const range = { 'content-range': `bytes ${start}-${layer.bytes.length - 1}/${layer.bytes.length}` };
        response.writeHead(start === 0 ? 200 : 206, { 'content-length': rest.length, ...(start === 0 ? {} : range) });
        response.write(rest.subarray(0, 700_000), () => (rest.length > 700_000 ? response.destroy() : response.end()));
      };
    });
    for (const output of [
      ['out.tar'],
      ['--format', 'legacy', 'out.tar'],
      ['--format', 'oci', 'out'],
      ['-c', 'cache', 'out.tar'],
    ]) {
      await using place = await workplace();
      const seen = server.log.length;
      succeeded(await place.crane(['pull', `${server.registry}/app:v1`, ...output]));
      const gets = server.log.slice(seen).filter((line) => line === `GET /v2/app/blobs/${layer.target.digest}`);
      expect(gets).toHaveLength(3);
    }
  });

  it('and names with sha512 are verified with it (5.4)', async () => {
    const digest = digestOf(image.bytes, 'sha512');
    const sample = { ...image, target: { ...image.target, digest } };
    await using server = await scriptedServer(contentScript([sample, ...image.blobs]));
    await using place = await workplace();
    const name = `${server.registry}/app@${digest}`;
    expect(succeeded(await place.crane(['manifest', name])).stdout).toBe(Buffer.from(image.bytes).toString());
    succeeded(await place.crane(['pull', '--format', 'oci', name, 'layout']));
    succeeded(await place.crane(['validate', '--remote', `oci:layout@${digest}`]));
    await expectRefused({
      args: ['manifest', `${server.registry}/app@${digestOf(Buffer.from('x'), 'sha512')}`],
      says: ['sha512:', '404'],
    });
  });
});

describe('credentials of the command line', () => {
  it('are for one registry: the one that is written to', async () => {
    const wanted = `Basic ${Buffer.from('joe:s3cret').toString('base64')}`;
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };
    const seen: (string | undefined)[] = [];
    await using source = await scriptedServer((request) => {
      seen.push(request.headers.authorization);
      return read(request);
    });
    await using target = await scriptedServer((request) => {
      if (request.headers.authorization !== wanted) return challenge;
      if (request.method === 'POST') return { status: 202, headers: { location: '/v2/app/blobs/uploads/1' } };
      return request.method === 'PUT' ? { status: 201 } : { status: 404 };
    });
    await using place = await workplace();
    const copy = ['copy', `${source.registry}/app:v1`, `${target.registry}/app:v1`];
    succeeded(await place.crane(['-u', 'joe', '-p', 's3cret', ...copy]));
    succeeded(await place.crane(['-u', 'joe', '--password-stdin', ...copy], { input: 's3cret\n' }));
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });
});

describe('retries', () => {
  it('Retry-After is honoured (flaw 26)', async () => {
    await using server = await scriptedServer((request, count) =>
      count === 1 ? { status: 429, headers: { 'retry-after': '1' } } : read(request),
    );
    await using place = await workplace();
    const start = performance.now();
    const { stderr } = succeeded(await place.crane(['manifest', `${server.registry}/app:v1`]));
    expect(stderr).toMatch(/retrying in 1\.0 s: Could not read manifest/);
    expect(performance.now() - start).toBeGreaterThan(1000);
    expect(server.log).toHaveLength(2);
  });

  it('a server that asks for a long pause is not waited for, and the pause is told (flaw 26)', async () => {
    await using server = await scriptedServer(() => ({ status: 429, headers: { 'retry-after': '7200' } }));
    const { stderr } = await expectRefused({ args: ['manifest', `${server.registry}/app:v1`], says: ['429'] });
    expect(stderr).toContain('2 hours');
    expect(server.log).toHaveLength(1);
  });

  it('after the last try nothing says "retrying" (flaw 25)', async () => {
    await using server = await scriptedServer(() => ({ status: 503, headers: { 'retry-after': '0' } }));
    const { stderr } = await expectRefused({ args: ['manifest', `${server.registry}/app:v1`], says: ['503'] });
    expect(stderr.match(/retrying/g)).toHaveLength(server.log.length - 1);
  });
});

describe('--verbose', () => {
  it('shows requests without secrets (4)', async () => {
    await using server = await scriptedServer((request) =>
      request.headers.authorization === undefined
        ? { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } }
        : read(request),
    );
    await using place = await workplace();
    const { stderr } = succeeded(
      await place.crane(['-u', 'joe', '-p', 's3cret', '-v', 'digest', `${server.registry}/app:v1`]),
    );
    expect(stderr).toContain(`--> HEAD ${server.origin}/v2/app/manifests/v1`);
    expect(stderr).toMatch(/<-- 200 /);
    expect(stderr).not.toMatch(/s3cret|am9lOnMzY3JldA/);
  });
});

/** A certificate for 127.0.0.1 that nobody trusts yet, also as `cert.pem`. */
function certificate(place: Workplace): { readonly key: string; readonly cert: string } {
  const [key, cert] = [place.file('key.pem'), place.file('cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'pipe' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
