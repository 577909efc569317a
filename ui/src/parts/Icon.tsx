// A few line icons of one weight; drawn here so that no icon font or library is loaded.

const PATHS = {
  dashboard: 'M3.5 9.5h5v-6h-5zM11.5 16.5h5v-6h-5zM11.5 7.5h5v-4h-5zM3.5 16.5h5v-4h-5z',
  items: 'M7 5h9.5M7 10h9.5M7 15h9.5M3.5 5h.01M3.5 10h.01M3.5 15h.01',
  inbox: 'M3 11.5 5 4.5h10l2 7v4H3zM3 11.5h4l1.2 2h3.6l1.2-2h4',
  close: 'M5 5l10 10M15 5 5 15',
  check: 'M4 10.5 8 14.5 16 6',
  clock: 'M10 5.5V10l3 2M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14z',
  pause: 'M7 5v10M13 5v10',
  play: 'M6.5 4.5v11l9-5.5z',
  retry: 'M4 10a6 6 0 1 1 1.8 4.3M4 15v-3.4h3.4',
  question: 'M7.6 7.4a2.5 2.5 0 1 1 3.4 2.4c-.7.3-1 .8-1 1.6v.4M10 14.6h.01',
  warn: 'M10 7.5v3.5M10 13.6h.01M10 3.5 17.5 16h-15z',
  stop: 'M6 6h8v8H6z',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4',
  link: 'M11.5 4.5h4v4M15.5 4.5 9.5 10.5M8 5.5H4.5v10h10V12',
  sun: 'M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1',
  moon: 'M15.8 11.8A6.5 6.5 0 0 1 8.2 4.2a6.5 6.5 0 1 0 7.6 7.6z',
  auto: 'M10 16.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM10 3.5v13',
  out: 'M8 4H4.5v12H8M9 10h8M14 7l3 3-3 3',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  chevron: 'M8 5.5 12.5 10 8 14.5',
  keyboard: 'M3 6h14v8.5H3zM6 9h.01M9 9h.01M12 9h.01M15 9h-.01M7 12h6',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' || name === 'items' ? 1.8 : 1.6}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
