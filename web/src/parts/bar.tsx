interface Props {
  /** What it measures. */
  readonly label: string;
  /** Of `largest`. */
  readonly value: number;
  readonly largest: number;
  readonly isFull?: boolean;
}

/** A share as a bar; drawn, because browsers' own meters look as they like. */
export function Bar({ label, value, largest, isFull = false }: Props) {
  const share = largest <= 0 ? 100 : Math.min(100, (value / largest) * 100);
  return (
    <svg
      class="bar"
      viewBox="0 0 100 8"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}: ${Math.round(share)} %`}
    >
      <rect class="bar-ground" width="100" height="8" />
      <rect class={isFull ? 'bar-full' : 'bar-part'} width={share} height="8" />
    </svg>
  );
}
