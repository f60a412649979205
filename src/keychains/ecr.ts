import type { Credential, NamedKeychain, Keychain } from '../remote/auth/credential.ts';
import { cloudOf } from '../remote/auth/cloud-hosts.ts';
import {
  awsLoggedOut,
  awsLogin,
  type EcrPackage,
  type EcrService,
  lacksAwsLogin,
  packageOf,
  regionOf,
  sendToEcr,
} from './aws.ts';
import { cachedKeychain, type Cloud } from './cached-keychain.ts';
import { type CloudEnvironment, nowOf } from './cloud-environment.ts';
import { packageSource } from './cloud-package.ts';
import { programSource, tokenLine } from './cloud-program.ts';

/**
 * Credentials for the private registries of AWS, `ACCOUNT.dkr.ecr.REGION.amazonaws.com` and their like in every partition, and
 * for `public.ecr.aws`: from AWS's credential provider chain through the packages @aws-sdk/client-ecr and
 * @aws-sdk/client-ecr-public, else from the `aws` program. Crane-library reference, section 5.5.
 *
 * @throws {OciError} `CREDENTIALS`
 */
export function ecrKeychain(environment: CloudEnvironment): Keychain {
  const keychains = {
    ecr: cachedKeychain(ecrCloud('ecr', environment), environment),
    'ecr-public': cachedKeychain(ecrCloud('ecr-public', environment), environment),
  };
  return async (scope, options) => {
    const cloud = cloudOf(scope.registry);
    return cloud === 'ecr' || cloud === 'ecr-public' ? keychains[cloud](scope, options) : undefined;
  };
}

/** @param service which of the two keeps the registries that will be asked for */
export function ecrCloud(service: EcrService, environment: CloudEnvironment): Cloud {
  return {
    name: 'AWS',
    sources: [awsPackage(service, environment), awsProgram(service, environment)],
    keyOf: ({ registry }) => registry,
  };
}

function awsPackage(service: EcrService, environment: CloudEnvironment): NamedKeychain {
  return packageSource<EcrPackage>(
    {
      name: packageOf(service),
      async ask(loaded, { scope, signal }) {
        const answer = await sendToEcr(loaded, scope.registry, new loaded.GetAuthorizationTokenCommand({}), signal);
        return readAuthorization(answer['authorizationData'], packageOf(service), environment);
      },
      isNothing: lacksAwsLogin,
      hint: `Run: ${awsLogin}`,
    },
    environment,
  );
}

function awsProgram(service: EcrService, environment: CloudEnvironment): NamedKeychain {
  return programSource(
    {
      program: 'aws',
      product: 'the AWS CLI',
      args: ({ registry }) => [service, 'get-login-password', '--region', regionOf(registry)],
      async read(stdout) {
        const expiresAt = nowOf(environment) + lifetime - margin;
        return { source: 'aws', username: 'AWS', password: tokenLine(stdout), expiresAt };
      },
      loggedOut: awsLoggedOut,
      login: awsLogin,
    },
    environment,
  );
}

/** Milliseconds: AWS gives passwords for twelve hours. */
const lifetime = 12 * 3600_000;
/** Milliseconds before its end that a password is not used any more. */
const margin = 5 * 60_000;

/** A list of one from the private service, the thing itself from the public one. */
function readAuthorization(data: unknown, source: string, environment: CloudEnvironment): Credential {
  const found: unknown = Array.isArray(data) ? data[0] : data;
  const fields = typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>) : {};
  const { authorizationToken: token, expiresAt } = fields;
  const text = typeof token === 'string' ? Buffer.from(token, 'base64').toString() : '';
  const [, username, password] = /^([^:]+):([\x21-\x7e]+)$/.exec(text) ?? [];
  if (username === undefined || password === undefined) throw new Error('the answer has no authorization token');
  const end = expiresAt instanceof Date ? expiresAt.getTime() : NaN;
  const known = Number.isNaN(end) ? nowOf(environment) + lifetime : end;
  return { source, username, password, expiresAt: known - margin };
}
