export { acrKeychain } from './acr.ts';
export type { CloudEnvironment } from './cloud-environment.ts';
export { cloudKeychain, cloudSources } from './cloud-keychain.ts';
export { ecrKeychain } from './ecr.ts';
export { type RepositoryCreation, createMissingRepository } from './ecr-repository.ts';
export { ghcrKeychain } from './ghcr.ts';
export { googleKeychain } from './google.ts';
export { type PullSecretsOptions, pullSecretsKeychain } from './pull-secrets.ts';
