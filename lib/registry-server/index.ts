export { openLocalStorage } from './storage/local-storage.ts';
export { openMemoryStorage } from './storage/memory-storage.ts';
export type {
  ObjectStatus,
  RegistryStorage,
  UploadStatus,
  UploadStorage,
} from './storage/registry-storage.ts';
