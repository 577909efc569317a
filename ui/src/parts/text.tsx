import { useEffect, useState } from 'react';
import { about, moment, since } from '../text/format';
import { clean, pieces, safeHref } from '../text/safe';

/** Text from outside, cleaned; addresses in it are links where `links` says so. */
export function Said({ text, links = false }: { text: string; links?: boolean }) {
  const shown = clean(text);
  if (!links) return <>{shown}</>;
  return (
    <>
      {pieces(shown).map((piece, place) =>
        piece.href ? (
          <a key={place} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : (
          <span key={place}>{piece.text}</span>
        ),
      )}
    </>
  );
}

/** A link to somewhere else; plain text when the address is not http(s). */
export function Away({ href, children }: { href: string | null | undefined; children: React.ReactNode }) {
  const safe = safeHref(href);
  if (!safe) return <span>{children}</span>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow" onClick={(event) => event.stopPropagation()}>
      {children}
    </a>
  );
}

/** Long text as it was written, with its line breaks. */
export function Prose({ text, label }: { text: string; label: string }) {
  return (
    <div className="prose" role="region" aria-label={label} tabIndex={0}>
      <Said text={text} links />
    </div>
  );
}

/** What a program printed. */
export function Output({ text, label }: { text: string; label: string }) {
  return (
    <pre className="output" role="region" aria-label={label} tabIndex={0}>
      {clean(text)}
    </pre>
  );
}

/** How long ago, kept right while one looks; the moment itself as its title. */
export function Ago({ at, suffix = '' }: { at: string | null | undefined; suffix?: string }) {
  const now = useNow(20_000);
  if (!at) return <span>–</span>;
  return (
    <time dateTime={at} title={moment(at)}>
      {about(since(at, now))}
      {suffix}
    </time>
  );
}

/** This machine's clock, looked at every `every` milliseconds. */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), every);
    return () => window.clearInterval(timer);
  }, [every]);
  return now;
}
