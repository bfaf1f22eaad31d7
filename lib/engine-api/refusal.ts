/** A request that is answered with a status of 400 or more and `{"message": …}`; the message in docker's words where clients match them. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}

/** 400: a parameter or field that cannot be what it is. */
export function badRequest(message: string, cause?: unknown): Refusal {
  return new Refusal(400, message, cause === undefined ? undefined : { cause });
}
