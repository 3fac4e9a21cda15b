import type { AnchorHTMLAttributes, JSX } from "react";

export default function Link(props: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }): JSX.Element;
