import { accessSync, constants, statSync } from 'node:fs';
import { type Ids, userIdMap } from '../id-map/index.ts';

/** Whether something can be had; `reason` says why not and what would help. */
export interface Finding {
  readonly ok: boolean;
  readonly reason?: string;
}

/** What is a question for an ordinary user alone. */
export type UserCapability = 'subordinateIds' | 'runtimeDirectory' | 'tunDevice' | 'userNetworks';

/** Answers them by trying, where there is something to try. */
export async function userCapabilities(
  ids: Ids,
  environment: NodeJS.ProcessEnv,
): Promise<Record<UserCapability, Finding>> {
  return {
    subordinateIds: await subordinateIds(ids),
    runtimeDirectory: runtimeDirectory(environment.XDG_RUNTIME_DIR),
    tunDevice: tunDevice(),
    userNetworks: userNetworks(environment.PATH ?? ''),
  };
}

async function subordinateIds(ids: Ids): Promise<Finding> {
  const { single } = userIdMap();
  if (single !== null) return no(single);
  try {
    await ids.namespace();
    return { ok: true };
  } catch (error) {
    return no((error as Error).message);
  }
}

function runtimeDirectory(path: string | undefined): Finding {
  const remedy =
    'log in (ssh, loginctl enable-linger) instead of su; without it run files are below the root directory';
  if (!path) return no(`XDG_RUNTIME_DIR is not set: ${remedy}`);
  const info = statSync(path, { throwIfNoEntry: false });
  if (info?.isDirectory() && info.uid === process.geteuid?.()) return { ok: true };
  return no(`XDG_RUNTIME_DIR, ${path}, is no directory of this user's: ${remedy}`);
}

function tunDevice(): Finding {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return { ok: true };
  } catch (error) {
    return no(`${(error as Error).message}: modprobe tun, and chmod 666 /dev/net/tun`);
  }
}

function userNetworks(path: string): Finding {
  const found = ['pasta', 'slirp4netns'].some((program) =>
    path.split(':').some((directory) => isExecutable(`${directory}/${program}`)),
  );
  return found
    ? no('pasta or slirp4netns is here, and this strake does not use it yet: --network none and host')
    : no(
        'neither pasta nor slirp4netns is installed, and this strake uses neither yet: --network none and host',
      );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function no(reason: string): Finding {
  return { ok: false, reason };
}
