import { expect, it } from 'vitest';
import { parseRegistry } from '../../oci/reference.ts';
import { cloudOf, ecrHostOf } from './cloud-hosts.ts';

it.each([
  ['gcr.io', 'google'],
  ['eu.gcr.io', 'google'],
  ['europe-west1-docker.pkg.dev', 'google'],
  ['registry.cloud.google.com', 'google'],
  ['public.ecr.aws', 'ecr-public'],
  ['123456789012.dkr.ecr.us-gov-west-1.amazonaws.com', 'ecr'],
  ['123456789012.dkr.ecr-fips.us-east-1.amazonaws.com', 'ecr'],
  ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'ecr'],
  ['123456789012.dkr-ecr.us-east-1.on.aws', 'ecr'],
  ['123456789012.dkr-ecr-fips.us-east-1.on.aws', 'ecr'],
  ['123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn', 'ecr'],
  ['123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov', 'ecr'],
  ['123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu', 'ecr'],
  ['team.azurecr.io', 'acr'],
  ['team-a1b2c3.azurecr.io', 'acr'],
  ['team.azurecr.cn', 'acr'],
  ['team.azurecr.us', 'acr'],
  ['ghcr.io', 'ghcr'],
  ['index.docker.io', undefined],
  ['quay.io', undefined],
  ['azurecr.io', undefined],
  ['pkg.dev', undefined],
  ['evilgcr.io', undefined],
  ['gcr.io.evil.example', undefined],
  ['team.azurecr.io.evil.example', undefined],
  ['123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example', undefined],
  ['12345.dkr.ecr.us-east-1.amazonaws.com', undefined],
  ['sub.ghcr.io', undefined],
  ['ghcr.io:443', undefined],
  ['gcr.io:8080', undefined],
])('%s belongs to %s', (registry, cloud) => {
  expect(cloudOf(parseRegistry(registry))).toBe(cloud);
});

it('the name of a registry of AWS tells account, region and kind of endpoint', () => {
  const hostOf = (name: string): unknown => ecrHostOf(parseRegistry(name));
  const account = '123456789012';
  expect(hostOf(`${account}.dkr.ecr.eu-west-1.amazonaws.com`)).toEqual({
    account,
    region: 'eu-west-1',
    fips: false,
    dualStack: false,
  });
  expect(hostOf(`${account}.dkr-ecr-fips.us-east-1.on.aws`)).toEqual({
    account,
    region: 'us-east-1',
    fips: true,
    dualStack: true,
  });
  expect(hostOf('public.ecr.aws')).toBe(undefined);
});
