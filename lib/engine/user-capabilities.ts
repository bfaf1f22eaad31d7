import { accessSync, constants } from 'node:fs';
import { type Ids, userIdMap } from '../id-map/index.ts';
import { installedUserProgram } from '../network/index.ts';

/** Whether something can be had; `reason` says why not and what would help. */
export interface Finding {
  readonly ok: boolean;
  readonly reason?: string;
}

/** What is a question for an ordinary user alone. */
export type UserCapability = 'subordinateIds' | 'tunDevice' | 'userNetworks';

/** Answers them by trying, where there is something to try. */
export async function userCapabilities(
  ids: Ids,
  environment: NodeJS.ProcessEnv,
): Promise<Record<UserCapability, Finding>> {
  return {
    subordinateIds: await subordinateIds(ids),
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

function tunDevice(): Finding {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return { ok: true };
  } catch (error) {
    return no(`${(error as Error).message}: modprobe tun, and chmod 666 /dev/net/tun`);
  }
}

function userNetworks(path: string): Finding {
  if (installedUserProgram(path) !== null) return { ok: true };
  return no(
    'neither pasta nor slirp4netns is installed: apt-get install passt; --network none and host work without',
  );
}

function no(reason: string): Finding {
  return { ok: false, reason };
}
