/** Something that a registry has done for somebody. */
export interface RegistryEvent {
  readonly action: 'push' | 'pull' | 'mount' | 'delete';
  readonly repository: string;
  /** Of a manifest or blob. */
  readonly digest?: string;
  readonly tag?: string;
  readonly mediaType?: string;
  /** bytes */
  readonly size?: number;
  /** Whoever it was done for. */
  readonly by: string;
}
