import { expect, it } from 'vitest';
import { isLocal, maySendTo } from './address.ts';

it.each([
  ['https://registry.example', 'https://cdn.example/x', true],
  ['https://registry.example', 'https://93.184.216.34/x', true],
  ['https://registry.example', 'http://127.0.0.1/x', false],
  ['https://registry.example', 'http://localhost:8080/x', false],
  ['https://registry.example', 'http://10.0.0.1/x', false],
  ['https://registry.example', 'http://[fd00::1]/x', false],
  ['https://registry.example', 'http://[::ffff:127.0.0.1]/x', false],
  ['https://registry.example', 'http://169.254.169.254/x', false],
  ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/x', true],
  ['http://127.0.0.1:5000', 'http://localhost:5001/x', true],
  ['http://127.0.0.1:5000', 'http://[::1]:5001/x', true],
  ['http://127.0.0.1:5000', 'http://10.0.0.1/x', false],
  ['http://127.0.0.1:5000', 'http://169.254.169.254/x', false],
  ['http://127.0.0.1:5000', 'http://0.0.0.0/x', false],
  ['https://10.0.0.5', 'https://192.168.1.1/x', true],
  ['https://10.0.0.5', 'https://127.0.0.1/x', false],
  ['https://10.0.0.5', 'http://[fe80::1]/x', false],
  ['http://169.254.1.1', 'http://169.254.1.1/x', true],
])('from %s one may be sent to %s: %s', (from, to, allowed) => {
  expect(maySendTo(new URL(from), new URL(to))).toBe(allowed);
});

it('names and addresses of this machine and of private networks are local', () => {
  const local = [
    'http://localhost/',
    'http://a.localhost/',
    'http://127.1.2.3/',
    'http://[::1]/',
    'http://192.168.0.1/',
  ];
  expect(local.map((url) => isLocal(new URL(url)))).toEqual(local.map(() => true));
  const others = ['http://example.com/', 'http://8.8.8.8/', 'http://172.32.0.1/', 'http://localhost.example/'];
  expect(others.map((url) => isLocal(new URL(url)))).toEqual(others.map(() => false));
});
