import { expect, it } from 'vitest';
import { engineFault, messageIn } from './engine-fault.ts';

const address = { kind: 'socket', path: '/run/docker.sock' } as const;

it.each([
  ['EACCES', 'DENIED', 'permission denied'],
  ['ENOENT', 'NETWORK', 'does not exist'],
  ['ECONNREFUSED', 'NETWORK', 'connection refused'],
  ['ECONNRESET', 'NETWORK', 'closed the connection while saving'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NETWORK', 'is not trusted'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'NETWORK', 'TLS connection'],
  ['HPE_INVALID_CONSTANT', 'NETWORK', 'is no Docker engine'],
])('%s is said in words, with what to do', (code, expected, words) => {
  const fault = engineFault(Object.assign(new Error('x'), { code }), address, 'saving');
  expect(fault).toMatchObject({
    code: expected,
    message: expect.stringContaining(words) as string,
    hint: expect.stringMatching(/\w/) as string,
  });
  expect(fault).toHaveProperty('message', expect.stringContaining('unix:///run/docker.sock'));
});

it.each([
  ['{"message":" no "}', 'no'],
  ['{"message":5}', ''],
  ['<html>', '<html>'],
  ['[1]', '[1]'],
])('the words of %j are %j', (text, words) => {
  expect(messageIn(text)).toBe(words);
});
