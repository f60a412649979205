import { expect, it } from 'vitest';
import { redactHeaders, redactUrl } from './redact.ts';

it.each([
  [
    'https://joe:pw@example.com/v2/?X-Amz-Signature=abc&digest=sha256:1',
    'https://example.com/v2/?X-Amz-Signature=REDACTED&digest=sha256:1',
  ],
  [
    'https://example.com/v2/app/blobs/uploads/id?_state=abc',
    'https://example.com/v2/app/blobs/uploads/id?_state=REDACTED',
  ],
  [`https://example.com/?${'x'.repeat(50)}`, 'https://example.com/?REDACTED'],
])('shows %s without what may be secret', (url, shown) => {
  expect(redactUrl(new URL(url))).toBe(shown);
});

it.each([
  ['authorization', 'Basic abc', 'REDACTED'],
  ['set-cookie', 'a=b', 'REDACTED'],
  ['x-amz-security-token', 'abc', 'REDACTED'],
  ['x-jfrog-api-key', 'abc', 'REDACTED'],
  [
    'www-authenticate',
    'Bearer realm="https://auth.example.com/token"',
    'Bearer realm="https://auth.example.com/token"',
  ],
  ['location', '/v2/app/blobs/uploads/id?_state=abc&digest=d', '/v2/app/blobs/uploads/id?_state=REDACTED&digest=d'],
  ['location', 'https://u:p@store.example.com/x?sig=abc', 'https://store.example.com/x?sig=REDACTED'],
  [
    'link',
    '</v2/_catalog?n=5&last=a>; rel="next", </b?t=1>; rel="x"',
    '</v2/_catalog?n=5&last=a>; rel="next", </b?t=REDACTED>; rel="x"',
  ],
  ['x-mine', 'abc', 'REDACTED'],
  ['content-type', 'a/b', 'a/b'],
])('shows the header %s: %s as %s', (name, value, shown) => {
  expect(redactHeaders({ [name]: value }, new Set(['x-mine']))).toEqual({ [name]: shown });
});
