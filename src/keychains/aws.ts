import type { RegistryName } from '../oci/reference.ts';
import { ecrHostOf } from '../remote/auth/cloud-hosts.ts';

/** The two services of AWS that keep images. */
export type EcrService = 'ecr' | 'ecr-public';

/** AWS's client for a service, as far as it is used. */
export interface EcrClient {
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<Readonly<Record<string, unknown>>>;
  destroy(): void;
}

type ClientClass = new (options: object) => EcrClient;
type CommandClass = new (input: object) => object;

/** Members of `@aws-sdk/client-ecr` and `@aws-sdk/client-ecr-public` that are used. */
export interface EcrPackage {
  readonly ECRClient?: ClientClass;
  readonly ECRPUBLICClient?: ClientClass;
  readonly GetAuthorizationTokenCommand: CommandClass;
  readonly CreateRepositoryCommand: CommandClass;
  readonly DescribeImagesCommand?: CommandClass;
}

/** The package a service is asked with. */
export function packageOf(service: EcrService): string {
  return `@aws-sdk/client-${service}`;
}

/** The region that keeps a registry. What is public has its users' rights checked in one place. */
export function regionOf(registry: RegistryName): string {
  return ecrHostOf(registry)?.region ?? 'us-east-1';
}

/** Sends one request and closes the client behind it. */
export async function sendToEcr(
  { ECRClient, ECRPUBLICClient }: EcrPackage,
  registry: RegistryName,
  command: object,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const Client = ECRClient ?? ECRPUBLICClient;
  if (Client === undefined) throw new Error('it exports no client');
  const host = ecrHostOf(registry);
  const client = new Client({
    region: regionOf(registry),
    ...(host?.fips === true ? { useFipsEndpoint: true } : {}),
    ...(host?.dualStack === true ? { useDualstackEndpoint: true } : {}),
  });
  try {
    return await client.send(command, { abortSignal: signal });
  } finally {
    client.destroy();
  }
}

/** AWS's provider chain came to its end. An expired login, a role that may not be taken and the like have other words. */
export function lacksAwsLogin(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Could not load credentials from any providers');
}

/** What the aws program writes where there is no login. */
export const awsLoggedOut: RegExp = /Unable to locate credentials|aws configure/;

export const awsLogin = 'aws configure';
