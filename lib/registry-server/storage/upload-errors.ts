import { EngineError } from '../../errors/index.ts';

/** ERR_UPLOAD_NOT_FOUND */
export function uploadMissing(id: string): EngineError {
  return new EngineError(
    'ERR_UPLOAD_NOT_FOUND',
    `there is no upload ${id}: it was finished, cancelled, or lay idle for too long; begin a new one`,
    { details: { id } },
  );
}

/** ERR_UPLOAD_OFFSET */
export function uploadOffset(id: string, given: number, size: number): EngineError {
  return new EngineError(
    'ERR_UPLOAD_OFFSET',
    `upload ${id} has ${size} bytes: what is sent must begin there, not at ${given}`,
    { details: { id, given, size } },
  );
}

/** ERR_UPLOAD_BUSY */
export function uploadBusy(id: string): EngineError {
  return new EngineError(
    'ERR_UPLOAD_BUSY',
    `somebody else is still sending to upload ${id}: one after the other`,
    {
      details: { id },
    },
  );
}
