// How much of something is used: two numbers and a bar.
import css from './used-bar.module.css';

export function UsedBar(o: {
  readonly label: string;
  readonly used: number;
  readonly of: number;
  readonly text: string;
}) {
  const share = o.of <= 0 ? 0 : Math.min(1, o.used / o.of);
  return (
    <div className={css.used}>
      <span className="quiet">{o.label}</span>
      <span className={css.text}>{o.text}</span>
      <div className={css.track} aria-hidden>
        <div className={css.fill} style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}
