import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A certificate authority of this test file, and what it issued for `127.0.0.1` and `localhost`. */
export interface TestCertificates {
  /** PEM of the authority. */
  readonly ca: string;
  readonly caFile: string;
  readonly key: string;
  readonly keyFile: string;
  /** The server's certificate. */
  readonly cert: string;
  readonly certFile: string;
  /** A certificate for clients of the same authority. */
  readonly client: { readonly keyFile: string; readonly certFile: string };
}

let made: TestCertificates | undefined;
let directory: string | undefined;

// A worker of the test runner is ended without an event.
afterAll(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

/** Made with openssl when first asked for; the files go with the test file. */
export function testCertificates(): TestCertificates {
  made ??= make();
  return made;
}

function make(): TestCertificates {
  const place = mkdtempSync(join(tmpdir(), 'crane-oci-ca-'));
  directory = place;
  const at = (name: string): string => join(place, name);
  const [caKey, caFile] = [at('ca.key'), at('ca.pem')];
  const authority = ['-subj', '/CN=crane-oci test authority', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  openssl(['req', '-x509', ...newKey, '-keyout', caKey, '-out', caFile, '-days', '2', ...authority]);
  const issue = (name: string, extensions: string): { readonly keyFile: string; readonly certFile: string } => {
    const [keyFile, request, certFile, settings] = [
      at(`${name}.key`),
      at(`${name}.csr`),
      at(`${name}.cert`),
      at(`${name}.cnf`),
    ];
    writeFileSync(settings, extensions);
    openssl(['req', ...newKey, '-keyout', keyFile, '-out', request, '-subj', `/CN=${name}`]);
    const signing = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', settings];
    openssl(['x509', '-req', '-in', request, ...signing, '-out', certFile]);
    return { keyFile, certFile };
  };
  const server = issue(
    'server',
    'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:registry.test,DNS:mirror.test\nextendedKeyUsage=serverAuth\n',
  );
  const client = issue('client', 'extendedKeyUsage=clientAuth\n');
  const read = (file: string): string => readFileSync(file, 'utf8');
  return { ca: read(caFile), caFile, key: read(server.keyFile), cert: read(server.certFile), ...server, client };
}

const newKey: readonly string[] = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(args: readonly string[]): void {
  execFileSync('openssl', [...args], { stdio: 'pipe' });
}
