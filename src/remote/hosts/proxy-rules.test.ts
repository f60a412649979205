import { describe, expect, it } from 'vitest';
import { environmentProxies, type Variables } from './proxy-rules.ts';

const proxy = 'http://proxy.test:3128';

function viaProxy(env: Variables, url: string): string | undefined {
  return environmentProxies(env)?.(new URL(url))?.href;
}

describe('the proxies of the environment', () => {
  it.each([
    ['', 'https://registry.test/v2/', true],
    ['*', 'https://registry.test/v2/', false],
    ['other.test,*', 'https://registry.test/v2/', false],
    ['registry.test', 'https://registry.test/v2/', false],
    ['REGISTRY.test', 'https://registry.TEST/v2/', false],
    [' registry.test , x', 'https://registry.test/v2/', false],
    ['registry.test', 'https://eu.registry.test/v2/', false],
    ['registry.test', 'https://myregistry.test/v2/', true],
    ['.registry.test', 'https://eu.registry.test/v2/', false],
    ['.registry.test', 'https://registry.test/v2/', true],
    ['*.registry.test', 'https://eu.registry.test/v2/', false],
    ['*.registry.test', 'https://registry.test/v2/', true],
    ['registry.test:5000', 'https://registry.test:5000/v2/', false],
    ['registry.test:5000', 'https://registry.test/v2/', true],
    ['registry.test:443', 'https://registry.test/v2/', false],
    ['registry.test:80', 'http://registry.test/v2/', false],
    ['.registry.test:5000', 'https://eu.registry.test:5000/v2/', false],
    ['10.1.2.3', 'https://10.1.2.3/v2/', false],
    ['10.1.2.3', 'https://10.1.2.30/v2/', true],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000/v2/', false],
    ['10.1.2.3:5000', 'https://10.1.2.3:5001/v2/', true],
    ['10.0.0.0/8', 'https://10.200.0.1:5000/v2/', false],
    ['10.0.0.0/8', 'https://11.0.0.1/v2/', true],
    ['192.168.7.0/30', 'https://192.168.7.3/v2/', false],
    ['192.168.7.0/30', 'https://192.168.7.4/v2/', true],
    ['10.0.0.0/33', 'https://10.0.0.1/v2/', true],
    ['fd00::/8', 'https://[fd12::1]/v2/', false],
    ['fd00::/8', 'https://[fe12::1]/v2/', true],
    ['[fd12::1]:5000', 'https://[fd12::1]:5000/v2/', false],
    ['[fd12::1]:5000', 'https://[fd12::1]:5001/v2/', true],
    ['fd12::1', 'https://[fd12:0:0::1]/v2/', false],
    ['10.0.0.0/8', 'https://ten.test/v2/', true],
    [':5000', 'https://registry.test:5000/v2/', true],
    [',,', 'https://registry.test/v2/', true],
  ])('NO_PROXY=%j and %s: through the proxy is %s', (noProxy, url, expected) => {
    const env = { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: noProxy };
    expect(viaProxy(env, url) !== undefined).toBe(expected);
  });

  it.each(['http://localhost:5000/', 'http://127.0.0.1/', 'http://127.9.9.9/', 'http://[::1]:5000/'])(
    'never lead to this machine: %s',
    (url) => {
      expect(viaProxy({ HTTP_PROXY: proxy }, url)).toBeUndefined();
    },
  );

  it('are chosen by the scheme of the URL, and ALL_PROXY is none of them', () => {
    const env = { HTTP_PROXY: 'http://plain.test', HTTPS_PROXY: 'http://secure.test', ALL_PROXY: 'http://all.test' };
    expect(viaProxy(env, 'http://registry.test/')).toBe('http://plain.test/');
    expect(viaProxy(env, 'https://registry.test/')).toBe('http://secure.test/');
    expect(environmentProxies({ ALL_PROXY: 'http://all.test' })).toBeUndefined();
    expect(viaProxy({ HTTP_PROXY: proxy }, 'https://registry.test/')).toBeUndefined();
  });

  it('are named in capitals or else in small letters', () => {
    expect(viaProxy({ https_proxy: 'small.test:1' }, 'https://registry.test/')).toBe('http://small.test:1/');
    expect(viaProxy({ https_proxy: 'small.test', HTTPS_PROXY: 'large.test' }, 'https://registry.test/')).toBe(
      'http://large.test/',
    );
    expect(viaProxy({ https_proxy: 'small.test', HTTPS_PROXY: '' }, 'https://registry.test/')).toBe(
      'http://small.test/',
    );
    expect(viaProxy({ HTTPS_PROXY: proxy, no_proxy: '*' }, 'https://registry.test/')).toBeUndefined();
  });

  it('may be host and port alone, and of the kinds http, https and socks5', () => {
    for (const [value, href] of [
      ['proxy.test:3128', 'http://proxy.test:3128/'],
      ['https://proxy.test', 'https://proxy.test/'],
      ['socks5://proxy.test:1080', 'socks5://proxy.test:1080'],
      ['user:pass@proxy.test', 'http://user:pass@proxy.test/'],
    ] as const) {
      expect(viaProxy({ HTTPS_PROXY: value }, 'https://registry.test/')).toBe(href);
    }
  });

  it('that make no sense are an error which names the variable and shows no password', () => {
    for (const value of [
      'http://user:hunter2@',
      'ftp://user:hunter2@proxy.test',
      'http://user:hunter2@[x',
      'http://',
    ]) {
      const fault = catchError(() => environmentProxies({ https_proxy: value }));
      expect(fault).toMatchObject({ code: 'INVALID_SETTINGS' });
      expect(String(fault)).toContain('https_proxy');
      expect(String(fault)).not.toContain('hunter2');
    }
  });

  it('a CGI program takes no HTTP_PROXY, which a visitor may have set', () => {
    const rules = environmentProxies({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, REQUEST_METHOD: 'GET' });
    expect(() => rules?.(new URL('http://registry.test/'))).toThrow('CGI');
    expect(rules?.(new URL('https://registry.test/'))?.href).toBe(`${proxy}/`);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
