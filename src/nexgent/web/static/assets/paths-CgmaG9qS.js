const n=(e,o)=>`#/tokens/${encodeURIComponent(e)}${o?`?symbol=${encodeURIComponent(o)}`:""}`;export{n as t};
