import Button from '@mui/material/Button';
import type { Failure } from '../api/client';
import { Icon, type IconName } from './Icon';

/** Nothing is here, and what one can do about it. */
export function Empty({ icon = 'check', title, children }: { icon?: IconName; title: string; children?: React.ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} size={22} />
      <strong>{title}</strong>
      {children ? <p>{children}</p> : null}
    </div>
  );
}

/** Something could not be read: what was wrong, and a way to try again. */
export function Trouble({ error, again }: { error: Failure; again?: () => void }) {
  return (
    <div className="empty trouble" role="alert">
      <Icon name="warn" size={22} />
      <strong>{error.status === 404 ? 'There is no such thing here' : 'This could not be read'}</strong>
      <p>
        {error.message}
        {error.requestId && error.status !== 404 ? <span className="faint"> Request {error.requestId}</span> : null}
      </p>
      {again && error.status !== 404 ? (
        <Button variant="outlined" onClick={again}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

/** Grey lines where text will stand; the page does not move when it comes. */
export function Waiting({ lines = 4 }: { lines?: number }) {
  return (
    <div className="waiting" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, place) => (
        <i key={place} style={{ width: `${88 - ((place * 23) % 46)}%` }} />
      ))}
    </div>
  );
}
