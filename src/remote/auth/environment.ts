import type { HelperRunner } from './credential-helper.ts';

/** What the surroundings of a process say about credentials; the library reads none of it on its own. */
export interface CredentialEnvironment {
  /** Environment variables: DOCKER_CONFIG, DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's directory. */
  readonly homedir: string;
  /** @default not Windows */
  readonly platform?: string | undefined;
  /** Runs credential helpers. @default as child processes */
  readonly run?: HelperRunner | undefined;
  /** Told about entries that are skipped. It must not throw. */
  readonly onWarning?: ((message: string) => void) | undefined;
}
