/** What a caller can do about an error; the HTTP status and the exit code follow from it. */
export type ErrorKind =
  | 'notFound'
  | 'conflict'
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'unavailable'
  | 'notImplemented'
  | 'corrupt'
  | 'exhausted'
  | 'aborted'
  | 'internal';

/** Every code and its kind. Keep each room's codes together; a code, once released, keeps its meaning. */
export const errorCodes = {
  // general
  ERR_ABORTED: 'aborted',
  ERR_TIMEOUT: 'unavailable',
  ERR_INVALID_ARGUMENT: 'invalid',
  ERR_SYSTEM: 'internal',
  ERR_NOT_IMPLEMENTED: 'notImplemented',
  ERR_NO_SPACE: 'exhausted',
  ERR_PERMISSION: 'forbidden',
  ERR_ADDON_NOT_FOUND: 'unavailable',
  ERR_ROOT_INVALID: 'invalid',
  ERR_CONFIG_INVALID: 'invalid',
  ERR_OUTPUT_TOO_LARGE: 'exhausted',
  // reference, oci
  ERR_REFERENCE_INVALID: 'invalid',
  ERR_DIGEST_INVALID: 'invalid',
  ERR_PLATFORM_INVALID: 'invalid',
  ERR_MANIFEST_INVALID: 'invalid',
  ERR_MEDIA_TYPE_UNSUPPORTED: 'invalid',
  ERR_SCHEMA1_UNSUPPORTED: 'invalid',
  ERR_IMAGE_CONFIG_INVALID: 'invalid',
  ERR_PLATFORM_NOT_FOUND: 'notFound',
  // registry-client
  ERR_REGISTRY_UNREACHABLE: 'unavailable',
  ERR_REGISTRY_TLS: 'unavailable',
  ERR_REGISTRY_RESPONSE: 'unavailable',
  ERR_REGISTRY_UNAUTHORIZED: 'unauthorized',
  ERR_REGISTRY_DENIED: 'forbidden',
  ERR_REGISTRY_RATE_LIMITED: 'exhausted',
  ERR_DOWNLOAD_INTERRUPTED: 'unavailable',
  ERR_UPLOAD_INTERRUPTED: 'unavailable',
  ERR_UPLOAD_REFUSED: 'invalid',
  ERR_REGISTRY_QUOTA: 'exhausted',
  ERR_REPOSITORY_NOT_FOUND: 'notFound',
  ERR_TAG_IMMUTABLE: 'conflict',
  // manifests
  ERR_MANIFEST_LIST_EXISTS: 'conflict',
  ERR_MANIFEST_LIST_NOT_FOUND: 'notFound',
  ERR_CREDENTIALS_INVALID: 'invalid',
  ERR_MANIFEST_NOT_FOUND: 'notFound',
  ERR_BLOB_NOT_FOUND: 'notFound',
  // content, layers
  ERR_BLOB_SIZE_MISMATCH: 'corrupt',
  ERR_BLOB_DIGEST_MISMATCH: 'corrupt',
  ERR_BLOB_TOO_LARGE: 'exhausted',
  ERR_LAYER_DIFF_ID_MISMATCH: 'corrupt',
  ERR_LAYER_CORRUPT: 'corrupt',
  ERR_LAYER_UNSAFE: 'invalid',
  ERR_LAYER_TOO_LARGE: 'exhausted',
  ERR_LAYER_FOREIGN: 'invalid',
  ERR_LAYER_NOT_FOUND: 'notFound',
  ERR_LAYER_BYTES_MISSING: 'notFound',
  ERR_SNAPSHOT_EXISTS: 'conflict',
  // images
  ERR_IMAGE_NOT_FOUND: 'notFound',
  ERR_IMAGE_IN_USE: 'conflict',
  ERR_IMAGE_AMBIGUOUS: 'invalid',
  ERR_IMAGE_CHANGE_INVALID: 'invalid',
  ERR_ARCHIVE_INVALID: 'invalid',
  ERR_ARCHIVE_COMPRESSION_UNSUPPORTED: 'invalid',
  ERR_LAYOUT_INVALID: 'invalid',
  ERR_TRANSPORT_INVALID: 'invalid',
  // containers
  ERR_CONTAINER_NOT_FOUND: 'notFound',
  ERR_CONTAINER_AMBIGUOUS: 'invalid',
  ERR_CONTAINER_NAME_INVALID: 'invalid',
  ERR_CONTAINER_NAME_IN_USE: 'conflict',
  ERR_CONTAINER_STATE: 'conflict',
  ERR_CONTAINER_OPTION_INVALID: 'invalid',
  ERR_NETWORK_NOT_AVAILABLE: 'notImplemented',
  ERR_EXEC_NOT_KNOWN: 'notFound',
  ERR_PORT_NOT_PUBLISHED: 'notFound',
  ERR_EXEC_NOT_FOUND: 'notFound',
  ERR_EXEC_PERMISSION: 'forbidden',
  ERR_EXEC_FORMAT: 'invalid',
  ERR_USER_NOT_FOUND: 'notFound',
  ERR_GROUP_NOT_FOUND: 'notFound',
  ERR_CWD_INVALID: 'invalid',
  // volumes
  ERR_VOLUME_NOT_FOUND: 'notFound',
  ERR_VOLUME_IN_USE: 'conflict',
  ERR_VOLUME_NAME_INVALID: 'invalid',
  ERR_PATH_NOT_FOUND: 'notFound',
  ERR_COPY_TARGET_INVALID: 'invalid',
  // http, registry-server
  ERR_LISTEN_FAILED: 'unavailable',
  ERR_TLS_FILES_INVALID: 'invalid',
  ERR_BODY_TOO_LARGE: 'exhausted',
  ERR_UPLOAD_NOT_FOUND: 'notFound',
  ERR_UPLOAD_OFFSET: 'conflict',
  ERR_UPLOAD_BUSY: 'conflict',
  ERR_ACCOUNT_NOT_FOUND: 'notFound',
  ERR_ACCOUNT_INVALID: 'invalid',
  // native runtime
  ERR_SPEC_INVALID: 'invalid',
  ERR_LAUNCH_FAILED: 'internal',
  ERR_MONITOR_DIED: 'internal',
  ERR_LOG_FAILED: 'exhausted',
  ERR_MOUNT_FAILED: 'invalid',
  ERR_MOUNT_SOURCE_NOT_FOUND: 'notFound',
  ERR_MOUNT_UNSAFE: 'invalid',
  ERR_OVERLAY_UNAVAILABLE: 'unavailable',
  ERR_EROFS_UNAVAILABLE: 'unavailable',
  ERR_NAMESPACE_FAILED: 'unavailable',
  ERR_NO_SUBORDINATE_IDS: 'unavailable',
  ERR_CGROUP_CONTROLLER_MISSING: 'unavailable',
  ERR_CGROUP_LIMIT_INVALID: 'invalid',
  ERR_CGROUP_FAILED: 'unavailable',
  ERR_SECCOMP_PROFILE_INVALID: 'invalid',
  ERR_RLIMIT_FAILED: 'forbidden',
  ERR_SYSCTL_FAILED: 'invalid',
  ERR_DEVICE_INVALID: 'invalid',
  ERR_CDI_DEVICE_NOT_FOUND: 'notFound',
  ERR_CDI_SPEC_INVALID: 'invalid',
  ERR_SECURITY_MODULE_MISSING: 'unavailable',
} as const satisfies Record<string, ErrorKind>;

/** A stable name of what happened: a key of the table. */
export type ErrorCode = keyof typeof errorCodes;
