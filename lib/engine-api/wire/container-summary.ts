import type { ContainerInfo } from '../../containers/index.ts';
import { type ContainerSizes, mountDocuments } from './container-inspect.ts';
import { networksOf, portList } from './container-networks.ts';
import { statusText } from './container-state.ts';
import { unixSeconds } from './times.ts';

/** docker's line of a listing (Engine API, ContainerSummary). */
export function containerSummary(info: ContainerInfo, sizes?: ContainerSizes) {
  return {
    Id: info.id,
    Names: [`/${info.name}`],
    Image: info.image,
    ImageID: info.imageId ?? '',
    Command: commandText(info.argv),
    Created: unixSeconds(info.createdAt),
    Ports: portList(info),
    ...(sizes && { SizeRw: sizes.written, SizeRootFs: sizes.root }),
    Labels: info.labels,
    State: info.state.status,
    Status: statusText(info),
    HostConfig: { NetworkMode: info.network },
    NetworkSettings: { Networks: networksOf(info) },
    Mounts: mountDocuments(info),
  };
}

/** docker's: arguments with a space are in single quotes. */
function commandText([path = '', ...args]: readonly string[]): string {
  return [path, ...args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
}
