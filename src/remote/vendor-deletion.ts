import { isDigest } from '../oci/digest.ts';
import { dockerHub, type Repository } from '../oci/reference.ts';
import { cloudOf, ecrHostOf } from './auth/cloud-hosts.ts';

/**
 * How the keeper of a registry wants a tag or manifest to be deleted, where its registry does not do so as the distribution
 * specification says; `undefined` where no other way is known. demand-and-quirks reference, C1 and Q-70.
 *
 * @param reference a tag or a digest
 * @returns a sentence for people, without a full stop
 */
export function vendorDeletion(repository: Repository, reference: string): string | undefined {
  const { registry, repository: name } = repository;
  if (registry === dockerHub) {
    return `Docker Hub deletes tags on its web pages, and in its own API: DELETE https://hub.docker.com/v2/namespaces/${namespaceAnd(name).join('/repositories/')}/tags/${isDigest(reference) ? 'TAG' : reference}`;
  }
  switch (cloudOf(registry)) {
    case 'ghcr': {
      const [owner, rest] = namespaceAnd(name);
      return `GitHub deletes versions of packages in its own API: gh api --method DELETE /orgs/${owner}/packages/container/${encodeURIComponent(rest)}/versions/ID (/users/${owner}/… for a person), with the ID that the same path without it and --method lists`;
    }
    case 'ecr': {
      const { account = '', region = '' } = ecrHostOf(registry) ?? {};
      return `AWS deletes images in its own API: aws ecr batch-delete-image --region ${region} --registry-id ${account} --repository-name ${name} --image-ids ${imageId(reference)}`;
    }
    case 'ecr-public':
      return `AWS deletes images in its own API: aws ecr-public batch-delete-image --region us-east-1 --repository-name ${namespaceAnd(name)[1]} --image-ids ${imageId(reference)}`;
    case 'acr':
      if (isDigest(reference)) return undefined;
      return `Azure deletes tags alone in its own API: az acr repository untag --name ${registry.split('.')[0]} --image ${name}:${reference}`;
    default:
      return undefined;
  }
}

function imageId(reference: string): string {
  return `${isDigest(reference) ? 'imageDigest' : 'imageTag'}=${reference}`;
}

/** The first part of a name, and the rest. */
function namespaceAnd(name: string): readonly [namespace: string, rest: string] {
  const [namespace = '', ...rest] = name.split('/');
  return [namespace, rest.join('/')];
}
