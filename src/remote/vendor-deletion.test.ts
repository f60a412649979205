import { expect, it } from 'vitest';
import { imageOf } from '../../test/conformance/samples.ts';
import { parseRepository } from '../oci/reference.ts';
import { vendorDeletion } from './vendor-deletion.ts';

const { digest } = imageOf('deleted').target;

// demand-and-quirks reference, C1 and Q-70.
it.each([
  ['ghcr.io/org/team/app', 'v1', 'gh api --method DELETE /orgs/org/packages/container/team%2Fapp/versions/ID'],
  ['ghcr.io/org', 'v1', '/orgs/org/packages/container/'],
  ['alpine', 'v1', 'DELETE https://hub.docker.com/v2/namespaces/library/repositories/alpine/tags/v1'],
  ['org/app', digest, 'DELETE https://hub.docker.com/v2/namespaces/org/repositories/app/tags/TAG'],
  [
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app',
    'v1',
    'aws ecr batch-delete-image --region eu-west-1 --registry-id 123456789012 --repository-name team/app --image-ids imageTag=v1',
  ],
  [
    'public.ecr.aws/alias/team/app',
    digest,
    `aws ecr-public batch-delete-image --region us-east-1 --repository-name team/app --image-ids imageDigest=${digest}`,
  ],
  ['team.azurecr.io/app', 'v1', 'az acr repository untag --name team --image app:v1'],
])('%s:%s is deleted by its keeper', (name, reference, words) => {
  expect(vendorDeletion(parseRepository(name), reference)).toContain(words);
});

it.each([
  ['gcr.io/project/app', 'v1'],
  ['localhost:5000/app', 'v1'],
  ['quay.io/org/app', 'v1'],
  ['team.azurecr.io/app', digest],
])('%s:%s is deleted as the specification says, as far as is known', (name, reference) => {
  expect(vendorDeletion(parseRepository(name), reference)).toBeUndefined();
});
