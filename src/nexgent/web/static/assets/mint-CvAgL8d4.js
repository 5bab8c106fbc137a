function i(e){const t=e.trim();if(!(t===""||/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(t)))return"This is not the address of a token: it has 32 to 44 letters and digits."}export{i as m};
