import { describe, expect, it } from 'vitest';
import { formatEngineAddress, parseEngineAddress } from './engine-address.ts';

describe('the address of an engine', () => {
  it.each([
    ['unix:///var/run/docker.sock', { kind: 'socket', path: '/var/run/docker.sock' }],
    ['npipe:////./pipe/docker_engine', { kind: 'socket', path: '\\\\.\\pipe\\docker_engine' }],
    ['tcp://engine', { kind: 'tcp', host: 'engine', port: 2375 }],
    ['tcp://engine:80', { kind: 'tcp', host: 'engine', port: 80 }],
    ['tcp://[::1]:1234/under/', { kind: 'tcp', host: '::1', port: 1234, prefix: '/under' }],
    ['http://engine:8080', { kind: 'tcp', host: 'engine', port: 8080 }],
    ['https://engine', { kind: 'tcp', host: 'engine', port: 2376, tls: {} }],
  ])('%s is read', (text, address) => {
    expect(parseEngineAddress(text)).toEqual(address);
  });

  it('speaks TLS where that was configured', () => {
    const tls = { ca: 'PEM' };
    expect(parseEngineAddress('tcp://engine', { tls })).toEqual({ kind: 'tcp', host: 'engine', port: 2376, tls });
    expect(parseEngineAddress('unix:///sock', { tls })).toEqual({ kind: 'socket', path: '/sock' });
  });

  it.each([
    ['ssh://host', ['--', 'host', 'docker', 'system', 'dial-stdio']],
    ['ssh://me@host:22', ['-l', 'me', '-p', '22', '--', 'host', 'docker', 'system', 'dial-stdio']],
    ['ssh://host/run/other.sock', ['--', 'host', 'docker', '--host', 'unix:///run/other.sock', 'system', 'dial-stdio']],
  ])('%s is a program to run', (text, args) => {
    const address = parseEngineAddress(text, { env: { PATH: '/bin' } });
    expect(address).toMatchObject({ kind: 'command', program: 'ssh', name: text, env: { PATH: '/bin' } });
    expect('args' in address && address.args.slice(3)).toEqual(args);
  });

  it.each([
    '',
    '/var/run/docker.sock',
    'unix://relative',
    'fd://',
    'tcp://',
    'tcp://host:99999',
    'ssh://-oProxyCommand=x',
    'ssh://-l@host',
    'ssh://host/$(reboot)',
  ])('%j is refused', (text) => {
    expect(() => parseEngineAddress(text)).toThrow(expect.objectContaining({ code: 'INVALID_SETTINGS' }) as Error);
  });

  it('does not repeat a password', () => {
    expect(() => parseEngineAddress('ssh://me:secret@host')).toThrow(/^((?!secret).)*$/);
  });

  it.each(['unix:///a/b.sock', 'npipe:////./pipe/x', 'tcp://[::1]:1', 'ssh://me@host'])(
    '%s is shown as it is',
    (text) => {
      expect(formatEngineAddress(parseEngineAddress(text))).toBe(text);
    },
  );
});
