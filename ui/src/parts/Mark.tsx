/** The pattern of folded steel. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <g fill="none" strokeWidth="2.2" strokeLinecap="round">
        <path d="M6 11c4-4 7 4 11 0s6-2 9 0" />
        <path d="M6 17c4-4 7 4 11 0s6-2 9 0" opacity=".75" />
        <path d="M6 23c4-4 7 4 11 0s6-2 9 0" opacity=".5" />
      </g>
    </svg>
  );
}
