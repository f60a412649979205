import { afterEach, beforeEach, vi } from 'vitest';

/**
 * Gives each test credentials of AWS in the environment, and nothing else of AWS: its package looks into the environment of the
 * process and the user's files by itself. `AWS_ENDPOINT_URL` is the test's to set, with `vi.stubEnv`.
 */
export function useAwsEnvironment(): void {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere/config');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere/credentials');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  });
  afterEach(() => vi.unstubAllEnvs());
}
