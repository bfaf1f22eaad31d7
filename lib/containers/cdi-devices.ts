import { type CdiDeviceNode, type CdiEdits, findCdiEdits } from '../cdi/index.ts';
import type { RuntimeHook, RuntimeHooks, RuntimeMount } from '../oci/index.ts';
import type { ContainersContext } from './context.ts';
import { hostDevice } from './host-devices.ts';
import type { HostDevice } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';

/** What the CDI devices of a container add to its config.json. */
export interface CdiAdditions {
  readonly devices: readonly HostDevice[];
  readonly env: readonly string[];
  readonly mounts: readonly RuntimeMount[];
  readonly hooks: RuntimeHooks;
  readonly groups: readonly number[];
}

/** As the spec files are at this start. null: it asked for none. @throws EngineError ERR_CDI_*, ERR_DEVICE_INVALID */
export async function cdiAdditions(
  context: ContainersContext,
  { cdiDevices }: ContainerSpec,
): Promise<CdiAdditions | null> {
  if (cdiDevices.length === 0) return null;
  const edits = await findCdiEdits(cdiDevices, { directories: context.cdiDirectories });
  return {
    devices: await Promise.all(edits.deviceNodes.map(deviceOf)),
    env: edits.env,
    mounts: edits.mounts.map(mountOf),
    hooks: hooksOf(edits),
    groups: edits.additionalGids,
  };
}

/** SPEC.md: what a node does not say is as on this machine. */
async function deviceOf(node: CdiDeviceNode): Promise<HostDevice> {
  const { path, hostPath = path, type, major, minor, fileMode, permissions = 'rwm', uid, gid } = node;
  const known = (type === 'b' || type === 'c') && major !== undefined && minor !== undefined;
  const found = known ? { type, major, minor, mode: 0o666, uid: 0, gid: 0 } : await hostDevice(hostPath);
  return {
    path,
    type: type === 'b' || type === 'c' ? type : found.type,
    major: major ?? found.major,
    minor: minor ?? found.minor,
    mode: fileMode === undefined ? found.mode : fileMode & 0o7777,
    uid: uid ?? found.uid,
    gid: gid ?? found.gid,
    access: permissions,
  };
}

function mountOf({ hostPath, containerPath, type, options = [] }: CdiEdits['mounts'][number]): RuntimeMount {
  const isBind = type === undefined || type === 'bind';
  const binds = isBind && !options.some((option) => option === 'bind' || option === 'rbind') ? ['rbind'] : [];
  return {
    destination: containerPath,
    type: type ?? 'bind',
    source: hostPath,
    options: [...options, ...binds],
  };
}

function hooksOf({ hooks }: CdiEdits): RuntimeHooks {
  const byName: Partial<Record<keyof RuntimeHooks, RuntimeHook[]>> = {};
  for (const { hookName, ...hook } of hooks) byName[hookName] = [...(byName[hookName] ?? []), hook];
  return byName;
}
