import type { DaemonImage } from '../../daemon/daemon-image.ts';
import { connectEngine, type Engine } from '../../daemon/engine.ts';
import type { Session } from '../session.ts';
import { engineSettings } from './engine-settings.ts';

const engines: WeakMap<Session, Promise<Engine>> = new WeakMap();

/** The engine of this run, which settings of Docker name. Connected to once. */
export function sessionEngine(session: Session): Promise<Engine> {
  const known = engines.get(session) ?? connect(session);
  engines.set(session, known);
  return known;
}

/** An image out of it. @param name with a tag or digest, or an ID */
export async function openEngineImage(session: Session, name: string): Promise<DaemonImage> {
  const { openDaemonImage } = await import('../../daemon/daemon-image.ts');
  const { signal, onProgress } = session;
  return session.use(await openDaemonImage(await sessionEngine(session), name, { signal, onProgress }));
}

async function connect(session: Session): Promise<Engine> {
  const { address, apiVersion } = await engineSettings(session.process);
  return session.use(await connectEngine(address, { apiVersion, signal: session.signal }));
}
