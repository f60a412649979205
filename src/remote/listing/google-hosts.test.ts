import { describe, expect, it } from 'vitest';
import { parseRegistry } from '../../oci/reference.ts';
import { isGoogleHost } from './google-hosts.ts';

describe('Google registries', () => {
  it.each(['gcr.io', 'eu.gcr.io', 'k8s.gcr.io', 'us-docker.pkg.dev', 'europe-west1-docker.pkg.dev', 'x.google.com'])(
    '%s is one',
    (host) => expect(isGoogleHost(parseRegistry(host))).toBe(true),
  );

  it.each([
    'notgcr.io',
    'gcr.io.example.com',
    'pkg.dev',
    'google.com.evil.test',
    'gcr.io:443',
    'ghcr.io',
    'localhost:5000',
  ])('%s is none', (host) => expect(isGoogleHost(parseRegistry(host))).toBe(false));
});
