import { mkdir, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCertificates } from '../../../test/support/certificates.ts';
import { testDirectory } from '../../../test/support/test-directory.ts';
import { parseRegistry } from '../../oci/reference.ts';
import { certificatesOf } from './certs-directory.ts';
import { type NamedFile, readTlsFiles } from './tls-files.ts';

const registry = parseRegistry('registry.test:5000');

function ca(path: string): { readonly caFile: NamedFile } {
  return { caFile: { path, from: '--ca-file' } };
}

function pair(cert: string, key: string): { readonly certFile: NamedFile; readonly keyFile: NamedFile } {
  return { certFile: { path: cert, from: '--cert-file' }, keyFile: { path: key, from: '--key-file' } };
}

describe('files of certificates', () => {
  it('are read as they are', async () => {
    const { caFile, client } = testCertificates();
    const read = await readTlsFiles({ ...ca(caFile), ...pair(client.certFile, client.keyFile) });
    expect(read).toEqual({
      ca: [await readFile(caFile, 'utf8')],
      cert: await readFile(client.certFile, 'utf8'),
      key: await readFile(client.keyFile, 'utf8'),
    });
    expect(await readTlsFiles({})).toBeUndefined();
  });

  it('that cannot be used are named with the option and the reason', async () => {
    const { caFile, keyFile, certFile, client } = testCertificates();
    const directory = await testDirectory();
    const at = async (name: string, content: string): Promise<string> => {
      await writeFile(join(directory, name), content);
      return join(directory, name);
    };
    const damaged = await at('damaged', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const second = await at('second', (await readFile(caFile, 'utf8')) + (await readFile(damaged, 'utf8')));
    const text = await at('text', 'hello');
    const locked = await at(
      'locked',
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
    );
    for (const [files, words] of [
      [ca(join(directory, 'missing')), /missing": no such file or directory \(from --ca-file\)/],
      [ca(directory), /it is a directory \(from --ca-file\)/],
      [ca(text), /text" \(from --ca-file\) cannot be used: it holds no certificate in PEM form/],
      [ca(keyFile), /holds a private key and no certificate/],
      [ca(damaged), /the certificate in it is damaged/],
      [ca(second), /certificate 2 of 2 in it is damaged/],
      [
        pair(certFile, client.keyFile),
        /\(from --key-file\) cannot be used: the key does not belong to the certificate in/,
      ],
      [pair(certFile, certFile), /\(from --key-file\) cannot be used: it holds no private key/],
      [pair(certFile, locked), /its key is encrypted/],
      [pair(text, keyFile), /\(from --cert-file\) cannot be used: it holds no certificate/],
      [{ certFile: pair(certFile, '').certFile }, /\(from --cert-file\) cannot be used: there is no key/],
      [{ keyFile: pair('', keyFile).keyFile }, /\(from --key-file\) cannot be used: there is no certificate/],
    ] as const) {
      await expect(readTlsFiles(files)).rejects.toMatchObject({
        code: 'INVALID_SETTINGS',
        message: expect.stringMatching(words) as string,
      });
    }
  });
});

describe('a certs.d', () => {
  async function withFiles(...names: readonly string[]): Promise<string> {
    const root = await testDirectory();
    const { caFile, client } = testCertificates();
    await mkdir(join(root, registry));
    for (const name of names) {
      const source = name.endsWith('.crt') ? caFile : name.endsWith('.key') ? client.keyFile : client.certFile;
      await copyFile(source, join(root, registry, name));
    }
    return root;
  }

  it('has authorities in *.crt and a client’s certificate and key in *.cert and *.key', async () => {
    const { client, ca: authority } = testCertificates();
    const root = await withFiles('ca.crt', 'b.cert', 'b.key', 'more.crt', 'README');
    expect(await certificatesOf(registry, [root])).toEqual({
      ca: [authority, authority],
      cert: await readFile(client.certFile, 'utf8'),
      key: await readFile(client.keyFile, 'utf8'),
    });
  });

  it('counts for its own host and port only, and the first that is there counts alone', async () => {
    const [both, none] = [await withFiles('ca.crt', 'a.cert', 'a.key'), await withFiles()];
    expect(await certificatesOf(parseRegistry('registry.test'), [both])).toBeUndefined();
    expect(await certificatesOf(registry, [none, both])).toBeUndefined();
    expect(await certificatesOf(registry, [join(none, 'missing'), both])).toMatchObject({ ca: [expect.anything()] });
  });

  it('of Docker Hub has the name people use', async () => {
    const root = await testDirectory();
    await mkdir(join(root, 'docker.io'));
    await copyFile(testCertificates().caFile, join(root, 'docker.io/ca.crt'));
    expect(await certificatesOf(parseRegistry('docker.io'), [root])).toMatchObject({ ca: [expect.anything()] });
  });

  it('with a certificate without key, or a key without certificate, is an error that names what is missing', async () => {
    await expect(certificatesOf(registry, [await withFiles('c.cert')])).rejects.toMatchObject({
      code: 'INVALID_SETTINGS',
      message: expect.stringMatching(/c\.cert" cannot be used: there is no "c\.key" beside it/) as string,
    });
    await expect(certificatesOf(registry, [await withFiles('c.key')])).rejects.toThrow('no "c.cert" beside it');
  });
});
