import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeAddon } from './native.ts';

const require = createRequire(import.meta.url);
const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)));
const folders = ['build/Release', `prebuilds/linux-${process.arch}`].map((folder) =>
  join(packageRoot, folder),
);

/** The addon, from a fresh build of this checkout or from the package's prebuilt binaries. Throws ERR_ADDON_NOT_FOUND. */
export const native: NativeAddon = require(nativeFile('strake.node')) as NativeAddon;

/** A native file that is shipped with the package, by its name. */
export function nativeFile(name: string): string {
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found) return found;
  throw Object.assign(
    new Error(
      `strake has no ${name} for linux-${process.arch}: looked in ${folders.join(' and ')}. ` +
        'Prebuilt are linux-x64 and linux-arm64; elsewhere run script/setup and npm run build in a checkout.',
    ),
    { code: 'ERR_ADDON_NOT_FOUND' },
  );
}

function findPackageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findPackageRoot(dirname(folder));
}
