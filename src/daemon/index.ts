export { DaemonImage, openDaemonImage, type OpenDaemonImageOptions } from './daemon-image.ts';
export { connectEngine, type ConnectEngineOptions, type Engine, type EngineTimeouts } from './engine.ts';
export {
  type CommandAddress,
  type EngineAddress,
  type EngineAddressOptions,
  type EngineTls,
  formatEngineAddress,
  parseEngineAddress,
  type SocketAddress,
  type TcpAddress,
} from './engine-address.ts';
export type { EngineImage, ListedEngineImage } from './engine-image.ts';
export type { LoadAnswer } from './load-answer.ts';
export { loadIntoDaemon, type LoadedImage, type LoadIntoDaemonOptions, type TaggedName } from './load-into-daemon.ts';
