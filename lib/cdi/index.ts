/**
 * Devices by the Container Device Interface: what a vendor's spec files (/etc/cdi, /var/run/cdi) say that a container needs to
 * use a device: nodes, mounts, variables, hooks, groups. This room finds and reads the files; it applies nothing and looks at
 * no device. github.com/cncf-tags/container-device-interface, SPEC.md, versions 0.1.0 to 1.0.0.
 */
export { type CdiEdits, type CdiOptions, defaultCdiDirectories, findCdiEdits } from './find-edits.ts';
export type { CdiDeviceNode, CdiHook, CdiMount } from './spec.ts';
export { isCdiName } from './spec.ts';
