"""`sysvitals doctor`: proves the chain from the sensor to the phone, link by link, and says how to mend it."""
